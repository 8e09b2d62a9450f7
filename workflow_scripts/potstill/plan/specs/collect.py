"""Specs of the two stages that put an experiment's results side by side: `collect_runs` and `collect_benchmarks`."""

from typing import Any, Literal

from pydantic import Field

from potstill.plan.base import Record
from potstill.plan.specs.task import TaskKind

Role = Literal["teacher", "student"]


class CollectedRun(Record):
    """What the experiment calls a run. `temperature` and `alpha` are None where the method has none."""

    task: str
    kind: TaskKind
    role: Role
    student: str
    method: str
    variant: str = "-"
    options: dict[str, Any] = Field({})
    temperature: float | None = None
    alpha: float | None = None
    seed: int = -1
    run_id: str
    kept: bool = False


class CollectSpec(Record):
    """An experiment's runs in the order of its grid; the teacher's predictions are one of them.

    Inputs: `runs`, their directories in the same order; `examples`, task -> directory.
    """

    runs: tuple[CollectedRun, ...]


class CollectedBenchmark(Record):
    """What the experiment calls a benchmark."""

    task: str
    role: Role
    student: str


class CollectBenchmarksSpec(Record):
    """An experiment's benchmarks. Inputs: `benchmarks`, their directories in the same order."""

    benchmarks: tuple[CollectedBenchmark, ...]
