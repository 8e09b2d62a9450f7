"""kd2: sequence-level distillation.

    L = CE(y', student),  y' = argmax_y teacher(y | x)

Kim & Rush 2016, "Sequence-level knowledge distillation", section 3.2: the student is taught the teacher's own answer
(the mode of its distribution over sequences, found greedily), for a classification its most probable class. Tokenizers
may differ, and no gold answer is needed. With `gold: mixed` an example that has a gold answer keeps it.
"""

from collections.abc import Mapping

import pandas as pd

from potstill.methods.interface import Method, Setup
from potstill.methods.terms.gold import Gold
from potstill.plan.methods.kd2 import Options
from potstill.targets.read import read_generations, read_label_logits


def build(options: Options, setup: Setup) -> Method:
    """Cross-entropy with the teacher's answers."""
    teacher = _read_classes if setup.task.kind == "classification" else _read_texts

    def answers(examples: pd.DataFrame) -> Mapping[str, str]:
        if options.gold == "mixed":
            examples = examples[examples["answers"].map(len) == 0]
        return teacher(examples["example_id"].tolist(), setup)

    return Method({"ce": (1.0, Gold(setup.architecture))}, answers=answers)


def _read_classes(example_ids: list[str], setup: Setup) -> dict[str, str]:
    """The verbalizer of the class with the largest label logit; the first of equals."""
    reader = read_label_logits(setup.shards["label_logits"], centre=setup.centre)
    classes = reader.logits[reader.shards.find(example_ids)].argmax(-1).tolist()
    return {key: setup.task.verbalizers[label] for key, label in zip(example_ids, classes, strict=True)}


def _read_texts(example_ids: list[str], setup: Setup) -> dict[str, str]:
    reader = read_generations(setup.shards["generations"])
    reader.shards.find(example_ids)
    return {key: reader.text[key] for key in example_ids}
