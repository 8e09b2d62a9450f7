"""What the experiment cost, from `costs.parquet`; where there is none, the training times of the runs."""

from dataclasses import dataclass

import pandas as pd

from potstill.report.evidence import Evidence
from potstill.report.table import rows

SHARED = ("teacher fit", "teacher pass", "targets")  # stages that several runs use


@dataclass(frozen=True)
class Costs:
    """Seconds of computing.

    Attributes:
        stages: stage -> seconds of all its jobs on all their devices.
        complete: whether every job left its time.
        devices: what they ran on.
        per_run: (student, method) -> seconds of one run with its share of what it uses, scoring not counted; empty where unknown.
    """

    stages: dict[str, float]
    complete: bool
    devices: tuple[str, ...]
    per_run: dict[tuple[str, str], float]

    @property
    def total(self) -> float:
        """Seconds of everything."""
        return sum(self.stages.values())


def costs(evidence: Evidence) -> Costs:
    """The costs of an experiment, jobs that several methods share counted once."""
    table = evidence["costs/costs"]
    if table.empty:
        students = evidence["collected/runs"].query("role == 'student'")
        seconds = students.train_seconds
        return Costs({"training": float(seconds.sum())}, bool(seconds.notna().all()), _named(students.device), {})
    # A shared stage may stand once for each method that uses it.
    shared = table[table.stage.isin(SHARED)].drop_duplicates(["task", "stage", "kind", "seconds"])
    once = pd.concat([shared, table[~table.stage.isin(SHARED)]])
    stages = {str(stage): float(seconds) for stage, seconds in once.groupby("stage", sort=False).seconds.sum().items()}
    # As in table 4.6: scoring the students is no cost of a method.
    students = table[table.student.fillna("").ne("") & table.method.fillna("").ne("") & table.method.ne("teacher")]
    students = students[students.stage != "prediction"]
    per_run: dict[tuple[str, str], float] = {}
    for row in rows(students):
        per_run[row.student, row.method] = per_run.get((row.student, row.method), 0.0) + float(row.seconds_per_run)
    return Costs(stages, bool(table.seconds.notna().all()), _named(table.device), per_run)


def _named(devices: pd.Series) -> tuple[str, ...]:
    return tuple(str(device) for device in devices.dropna().unique() if device)
