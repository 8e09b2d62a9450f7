"""The scores of an experiment, cell by cell: one cell is one variant of a method, over its seeds."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from potstill.statistics.tidy import ScoreMatrix, require_same_examples, score_matrix

CELL = ["task", "role", "student", "method", "variant"]
METHOD = ["task", "student", "method"]

# (task, role, student, method, variant, metric) -> its scores
Matrices = dict[tuple[str, ...], ScoreMatrix]


@dataclass(frozen=True)
class Choice:
    """A method's variant with the best validation score, of one task and student.

    Attributes:
        metric: the task's primary one.
        trials: how many variants it was chosen from.
    """

    task: str
    student: str
    method: str
    variant: str
    metric: str
    trials: int


def matrices(scores: pd.DataFrame) -> Matrices:
    """The score matrix of every (task, role, student, method, variant, metric), in order of first appearance.

    Raises:
        DataError: a run misses examples, has some twice, or runs of one task were scored on different test sets.
    """
    found: Matrices = {}
    first: dict[str, ScoreMatrix] = {}
    for key, part in scores.groupby([*CELL, "metric"], sort=False):
        task, role, student, method, variant, metric = map(str, key)
        name = f"task {task}, {student}, {method}" + ("" if variant == "-" else f" {variant}") + f" ({metric})"
        cell = score_matrix(name, part)
        require_same_examples(first.setdefault(task, cell), cell)
        found[task, role, student, method, variant, metric] = cell
    return found


def trials(runs: pd.DataFrame) -> dict[tuple[str, ...], int]:
    """How many variants of each task, student and method were tried."""
    tried = runs[[*METHOD, "variant"]].drop_duplicates()
    return dict(Counter(tried[METHOD].itertuples(index=False, name=None)))


def choices(runs: pd.DataFrame) -> list[Choice]:
    """The selected variant of every task, student and method, in the order of `runs`, without teachers."""
    students = runs[runs.role == "student"]
    tried = trials(students)
    selected = students.loc[students.selected, [*METHOD, "variant", "metric"]].drop_duplicates()
    return [
        Choice(task, student, method, variant, metric, trials=tried[task, student, method])
        for task, student, method, variant, metric in selected.itertuples(index=False, name=None)
    ]


def scores_of(cells: Matrices, choice: Choice) -> ScoreMatrix:
    """The chosen variant's scores by the primary metric."""
    return cells[choice.task, "student", choice.student, choice.method, choice.variant, choice.metric]


def teacher_of(cells: Matrices, task: str, metric: str) -> ScoreMatrix | None:
    """The teacher's scores on a task; None where it was not asked."""
    for key, cell in cells.items():
        if key[0] == task and key[1] == "teacher" and key[-1] == metric:
            return cell
    return None
