"""b0: fine-tuning on the gold answers, the baseline of every comparison; a teacher is fitted by it, too."""

from potstill.plan.base import Record
from potstill.plan.methods._shared import cannot_generate
from potstill.plan.specs.model import Architecture
from potstill.plan.specs.task import TaskKind


class Options(Record):
    """None: cross-entropy with the gold answers is all there is."""


def splits(options: Options, task_kind: TaskKind) -> tuple[str, ...]:
    """The labelled examples."""
    return ("train",)


def targets(options: Options, task_kind: TaskKind) -> tuple[()]:
    """No teacher."""
    return ()


def variant(options: Options) -> str:
    """There is one only."""
    return "-"


def refusal(
    options: Options, task_kind: TaskKind, same_tokenizer: bool, student: Architecture, teacher: Architecture | None
) -> str | None:
    """Why it cannot serve, and what can."""
    return cannot_generate(task_kind, student)
