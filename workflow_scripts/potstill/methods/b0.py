"""b0: fine-tuning on the gold answers.

    L = CE(y, student)

The baseline of every comparison, and how a teacher is fitted to a task.
"""

from potstill.methods.interface import Method, Setup
from potstill.methods.terms.gold import Gold
from potstill.plan.methods.b0 import Options


def build(options: Options, setup: Setup) -> Method:
    """Cross-entropy alone."""
    return Method({"ce": (1.0, Gold(setup.architecture))})
