"""kd3: feature distillation, the student's hidden states drawn to the teacher's through a learned projection."""

from typing import Literal, Self

from pydantic import Field, model_validator

from potstill.plan.base import Record
from potstill.plan.methods._shared import cannot_generate, changed, number
from potstill.plan.specs.model import Architecture
from potstill.plan.specs.targets import HiddenStates, LabelLogits, Pooling
from potstill.plan.specs.task import TaskKind


class Options(Record):
    """Which layers are matched where in the text, how strongly, and whether label logits are distilled besides."""

    weight: float = Field(
        1.0, gt=0, description="weight of the hidden-state term, beside (1 - alpha) of the cross-entropy"
    )
    layer_map: str = Field(
        "uniform",
        pattern=r"^(uniform|last|skip|\d+:\d+(,\d+:\d+)*)$",
        description="uniform: each student layer, evenly over the teacher's; last: the top layers; skip: uniform "
        "without the top; or pairs student:teacher such as '1:4,2:8' (0: embeddings, n: the n-th layer's output)",
    )
    pooling: Pooling = Field(
        "last",
        description="last: the text's last position; mean: over all; tokens: each position (needs equal tokenizers)",
    )
    distance: Literal["normalised", "plain"] = Field(
        "normalised",
        description="normalised: squared distance of unit vectors (Sun 2019); plain: mean squared error (Romero 2015)",
    )
    states: Literal["standardised", "raw"] = Field(
        "standardised",
        description="standardised: each dimension of the teacher's states minus its mean, over its standard deviation "
        "(of all stored examples); raw: as they are",
    )
    alpha: float = Field(0.0, ge=0, le=1, description="weight of logit distillation on labels besides; 0: none")
    temperature: float = Field(2.0, gt=0, le=100, description="T of the logit distillation; used when alpha > 0")

    @model_validator(mode="after")
    def _no_idle_keys(self) -> Self:
        if self.alpha == 0 and self.temperature != 2.0:
            raise ValueError(
                "temperature is for the logit distillation, which alpha: 0 leaves out; set alpha or remove it"
            )
        return self


def splits(options: Options, task_kind: TaskKind) -> tuple[str, ...]:
    """Hidden states need no labels."""
    return ("train", "transfer")


def targets(options: Options, task_kind: TaskKind) -> tuple[HiddenStates | LabelLogits, ...]:
    """All layers are stored, so another layer map needs no teacher pass."""
    hidden = HiddenStates(pooling=options.pooling)
    return (hidden, LabelLogits()) if options.alpha > 0 else (hidden,)


def variant(options: Options) -> str:
    """Such as `-`, `w10`, `skip` or `w1_1-4.2-8_T2_a0.5`."""
    parts = [f"w{number(options.weight)}"] if options.weight != 1.0 else []
    parts += [word.replace(":", "-").replace(",", ".") for word in changed(options, "layer_map")]
    parts += changed(options, "pooling", "distance", "states")
    if options.alpha > 0:
        parts += [f"T{number(options.temperature)}", f"a{number(options.alpha)}"]
    return "_".join(parts) or "-"


def refusal(
    options: Options, task_kind: TaskKind, same_tokenizer: bool, student: Architecture, teacher: Architecture | None
) -> str | None:
    """Why it cannot serve, and what can."""
    if reason := cannot_generate(task_kind, student):
        return reason
    if options.pooling == "tokens" and not same_tokenizer:
        return (
            "pooling: tokens matches hidden states position by position, and teacher and student have different "
            "tokenizers; use pooling: last or mean"
        )
    if options.alpha > 0 and task_kind != "classification":
        return f"alpha distils label logits, and this task is of kind {task_kind}; use alpha: 0, or the method kd1"
    return None
