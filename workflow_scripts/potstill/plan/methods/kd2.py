"""kd2: sequence-level distillation, fine-tuning on the teacher's own answers."""

from typing import Literal

from pydantic import Field

from potstill.plan.base import Record
from potstill.plan.methods._shared import cannot_generate, changed
from potstill.plan.specs.model import Architecture
from potstill.plan.specs.targets import Generations, LabelLogits
from potstill.plan.specs.task import TaskKind


class Options(Record):
    """Whether gold answers stay beside the teacher's."""

    gold: Literal["none", "mixed"] = Field(
        "none", description="none: the teacher's answer everywhere; mixed: the gold answer where there is one"
    )


def splits(options: Options, task_kind: TaskKind) -> tuple[str, ...]:
    """The teacher answers the unlabelled examples, too."""
    return ("train", "transfer")


def targets(options: Options, task_kind: TaskKind) -> tuple[LabelLogits | Generations, ...]:
    """The teacher's answer is its most probable class, or its text."""
    return (LabelLogits(),) if task_kind == "classification" else (Generations(),)


def variant(options: Options) -> str:
    """`-` or `mixed`."""
    return "_".join(changed(options, "gold")) or "-"


def refusal(
    options: Options, task_kind: TaskKind, same_tokenizer: bool, student: Architecture, teacher: Architecture | None
) -> str | None:
    """Why it cannot serve, and what can."""
    if task_kind != "classification" and teacher == "encoder":
        return f"an encoder teacher has no answers for a task of kind {task_kind}; choose a decoder as teacher"
    return cannot_generate(task_kind, student)
