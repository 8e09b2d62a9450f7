"""kd1: logit distillation, L = (1 - alpha) CE + alpha T^2 D(teacher_T, student_T), on labels or on answer tokens."""

from typing import Literal, Self

from pydantic import Field, model_validator

from potstill.plan.base import Record
from potstill.plan.methods._shared import cannot_generate, changed, number, token_logits
from potstill.plan.specs.model import Architecture
from potstill.plan.specs.targets import LabelLogits, TokenLogits
from potstill.plan.specs.task import TaskKind


class Options(Record):
    """Which distributions are matched, how soft, how strongly and by which distance."""

    temperature: float = Field(2.0, gt=0, le=100, description="T: both distributions are softened by it")
    alpha: float = Field(
        0.5, gt=0, le=1, description="weight of the distillation term; cross-entropy with the gold has 1 - alpha"
    )
    divergence: Literal["forward_kl", "reverse_kl", "jsd"] = Field(
        "forward_kl", description="D, from teacher to student"
    )
    beta: float = Field(0.5, gt=0, lt=1, description="for jsd: the teacher's share of the mixture")
    level: Literal["auto", "labels", "tokens"] = Field(
        "auto",
        description="labels: one distribution over the classes; tokens: one over the vocabulary at each answer "
        "position; auto: labels for a classification, otherwise tokens",
    )
    alignment: Literal["none", "uld"] = Field(
        "none",
        description="tokens of two different tokenizers: uld compares sorted probabilities, in place of the divergence",
    )

    @model_validator(mode="after")
    def _no_idle_keys(self) -> Self:
        if self.beta != 0.5 and self.divergence != "jsd":
            raise ValueError(f"beta is for divergence: jsd; remove it, or the divergence {self.divergence}")
        if self.alignment == "uld" and self.divergence != "forward_kl":
            raise ValueError(
                f"alignment: uld takes the place of a divergence; remove {self.divergence} or the alignment"
            )
        if self.alignment == "uld" and self.level == "labels":
            raise ValueError("alignment: uld is for tokens; labels need no alignment, remove it")
        return self


def level(options: Options, task_kind: TaskKind) -> Literal["labels", "tokens"]:
    """What `auto` stands for in this task. Labels need no alignment: one that is given waits for another task's tokens."""
    if options.level != "auto":
        return options.level
    return "labels" if task_kind == "classification" else "tokens"


def splits(options: Options, task_kind: TaskKind) -> tuple[str, ...]:
    """Labels: the unlabelled examples, too. Tokens: the teacher was read along gold answers, so where there are any."""
    return ("train", "transfer") if level(options, task_kind) == "labels" else ("train",)


def targets(options: Options, task_kind: TaskKind) -> tuple[LabelLogits | TokenLogits, ...]:
    """Label logits serve any temperature; token logits those that they were stored for."""
    return (LabelLogits(),) if level(options, task_kind) == "labels" else (token_logits(options.temperature),)


def variant(options: Options) -> str:
    """Such as `T2_a0.5` or `T2_a0.5_jsd_0.3`."""
    rest = changed(options, "divergence", "beta", "level", "alignment")
    return "_".join([f"T{number(options.temperature)}", f"a{number(options.alpha)}", *rest])


def refusal(
    options: Options, task_kind: TaskKind, same_tokenizer: bool, student: Architecture, teacher: Architecture | None
) -> str | None:
    """Why it cannot serve, and what can."""
    if reason := cannot_generate(task_kind, student):
        return reason
    at = level(options, task_kind)
    if at == "labels" and task_kind != "classification":
        return (
            f"level: labels needs classes, and this task is of kind {task_kind}; use level: tokens, or the method kd2"
        )
    if at == "tokens" and "encoder" in (student, teacher):
        who = "student" if student == "encoder" else "teacher"
        return f"level: tokens needs next-token distributions, and the {who} is an encoder; use level: labels"
    if at == "tokens" and not same_tokenizer and options.alignment == "none":
        return (
            "teacher and student have different tokenizers, so their distributions cannot be compared token by token; "
            "use alignment: uld (sorted probabilities), or the method kd2 (the teacher's answers as text)"
        )
    return None
