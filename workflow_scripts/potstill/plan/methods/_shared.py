"""What the methods' plan files share."""

from potstill.plan.base import Record
from potstill.plan.specs.model import Architecture
from potstill.plan.specs.targets import TokenLogits
from potstill.plan.specs.task import TaskKind


def cannot_generate(task_kind: TaskKind, student: Architecture) -> str | None:
    """The refusal that every method shares: an encoder has no way to write an answer."""
    if task_kind != "classification" and student == "encoder":
        return f"an encoder cannot write the answers of a task of kind {task_kind}; choose a decoder as student"
    return None


def number(value: float) -> str:
    """A number in a file name: 2.0 is `2`, 0.5 is `0.5`; different numbers are different."""
    return str(int(value)) if value == int(value) else repr(float(value))


def changed(options: Record, *names: str) -> list[str]:
    """The values of those fields that are not at their defaults, as words for a variant's name."""
    values = [(getattr(options, name), type(options).model_fields[name].default) for name in names]
    return [value if isinstance(value, str) else number(value) for value, default in values if value != default]


def token_logits(temperature: float) -> TokenLogits:
    """Token targets good for `temperature`: the usual ones serve many, so a new one needs no teacher pass."""
    usual = TokenLogits()
    if temperature in usual.temperatures:
        return usual
    return TokenLogits(temperatures=tuple(sorted({*usual.temperatures, temperature})))
