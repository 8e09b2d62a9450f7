"""Spec of `collect_costs`: which jobs each run of an experiment rests on."""

from potstill.plan.base import Record


class CostedTargets(Record):
    """One set of targets; `shards` are positions in the input `targets`."""

    task: str
    kind: str
    shards: tuple[int, ...]


class CostedRun(Record):
    """One student's training and what had to be there before it.

    `targets` are positions in the spec's `targets`; `fit`: the teacher was fitted to the task first, and this run needed
    it; `teacher`: it learns from the teacher, by its targets or its weights.
    """

    task: str
    student: str
    method: str
    targets: tuple[int, ...] = ()
    fit: bool = False
    teacher: bool = False


class CollectCostsSpec(Record):
    """An experiment's runs in the order of its grid.

    Inputs: `runs`, their directories in the same order; `targets`, the directories of all shards; `predictions` and
    `fits`, task -> directory of the teacher's predictions and of the run that fitted it (no task where it is used as it
    comes).
    """

    baseline: str
    targets: tuple[CostedTargets, ...]
    runs: tuple[CostedRun, ...]
