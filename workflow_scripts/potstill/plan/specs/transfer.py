"""Spec of `collect_transfer`: what the models of a task answered on the test sets of other tasks."""

from pydantic import Field

from potstill.plan.base import Record
from potstill.plan.specs.collect import Role
from potstill.plan.specs.task import TaskKind


class TransferredRun(Record):
    """What the experiment calls a model that was asked about another task than its own."""

    task: str
    test_task: str
    kind: TaskKind
    role: Role
    student: str
    method: str
    variant: str = "-"
    seed: int = -1


class CollectTransferSpec(Record):
    """An experiment's answers to other tasks, the teachers' among them.

    Inputs: `predictions`, their directories in the same order; `examples`, task, trained for or tested on, -> directory;
    `collected`, the experiment's collected runs.
    """

    runs: tuple[TransferredRun, ...]
    confidence: float = Field(0.95, gt=0.5, lt=1)
    baseline: str = "b0"
