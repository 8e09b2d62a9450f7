"""Collected answers as matrices: the seeds by the examples of every student, aligned with gold and teacher.

"The same answer" is what the task's own metric takes for the same: the predicted class; SQuAD's normalised text; the text
without surrounding white space. "Right" is the task's right-or-wrong metric (exact match, where F1 is the primary one).
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from potstill.errors import DataError
from potstill.plan.specs.task import TaskKind
from potstill.statistics.tidy import score_matrix
from potstill.tables import read_frame
from potstill.tasks.metrics import metrics, normalise_answer

CELL = ["task", "role", "student", "method", "variant"]
EXAMPLE_COLUMNS = [
    "task", "kind", "example_id", "cluster_id", "prompt", "gold", "answers", "label", "choices", "n_words",
]  # fmt: skip
_AGAIN = "Collect the runs again: give the same command after removing the folder"


@dataclass(frozen=True)
class Cell:
    """The answers of one student by one method (its selected variant), or of the teacher (one seed, -1).

    Attributes:
        scores: [S, N], primary metric, 0..1.
        right: [S, N] bool.
        answers: [S, N] str, spelled so that equal means the same; texts: as given.
        logits: [S, N, C], of the labels; None where there are none.
    """

    role: str
    student: str
    method: str
    variant: str
    seeds: tuple[int, ...]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    answers: NDArray[np.object_]
    texts: NDArray[np.object_]
    logits: NDArray[np.float64] | None

    @property
    def keys(self) -> dict[str, str]:
        """Its columns in a table."""
        return {"student": self.student, "method": self.method, "variant": self.variant}


@dataclass(frozen=True)
class TaskResults:
    """One task: what was asked, and who answered what.

    Attributes:
        examples: [N] rows of the collected `examples.parquet`, ascending by `example_id`.
        gold: [N], the right answer, spelled as in `Cell.answers`.
        clusters: [N], what examples share; None when every example stands for itself.
    """

    task: str
    kind: TaskKind
    metric: str
    examples: pd.DataFrame
    gold: NDArray[np.object_]
    clusters: NDArray | None
    teacher: Cell
    students: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The teacher, then the students."""
        return (self.teacher, *self.students)


def read_results(collected: Path) -> list[TaskResults]:
    """The tasks of an experiment in its order.

    Args:
        collected: the folder of the collected runs.

    Raises:
        ArtefactError: a table is missing or lacks a column.
        DataError: scores, answers and examples do not belong together, or a task has no teacher.
    """
    examples = read_frame(collected / "examples.parquet", EXAMPLE_COLUMNS)
    scores = read_frame(collected / "scores.parquet")
    scores = scores[scores.selected]
    answers = read_frame(collected / "answers.parquet")
    return [
        _task(
            collected,
            str(task),
            part.reset_index(drop=True),
            scores[scores.task == task],
            answers[answers.task == task],
        )
        for task, part in examples.groupby("task", sort=False)
    ]


def spelled(kind: TaskKind, text: str) -> str:
    """An answer, so that two are equal where the task's metric takes them for the same."""
    return normalise_answer(text) if kind == "extractive-qa" else text.strip()


def _task(folder: Path, task: str, examples: pd.DataFrame, scores: pd.DataFrame, answers: pd.DataFrame) -> TaskResults:
    kind: TaskKind = examples.kind.iloc[0]
    if examples.example_id.duplicated().any() or not examples.example_id.is_monotonic_increasing:
        raise DataError(
            f"{folder}/examples.parquet: the examples of task {task} are not sorted, each once. {_AGAIN} {folder}"
        )
    of_cell = dict(iter(answers.groupby(CELL, sort=False)))
    cells = [
        _cell(folder, key, part, of_cell.get(key, answers[:0]), examples)
        for key, part in scores.groupby(CELL, sort=False)
    ]
    teachers = [cell for cell in cells if cell.role == "teacher"]
    if len(teachers) != 1:
        raise DataError(f"{folder}: task {task} has {len(teachers)} teachers, expected one. {_AGAIN} {folder}")
    students = tuple(cell for cell in cells if cell.role == "student")
    gold = np.array([spelled(kind, text) for text in examples.gold], dtype=object)
    clusters = examples.cluster_id.to_numpy()
    shared = 1 < len(set(clusters)) < len(clusters)
    return TaskResults(
        task, kind, metrics(kind)[0], examples, gold, clusters if shared else None, teachers[0], students
    )


def _cell(
    folder: Path, key: tuple[Hashable, ...], scores: pd.DataFrame, answers: pd.DataFrame, examples: pd.DataFrame
) -> Cell:
    task, role, student, method, variant = map(str, key)
    name = f"task {task}, {student}, {method}" + ("" if variant == "-" else f" {variant}")
    kind: TaskKind = examples.kind.iloc[0]
    primary, exact = (
        score_matrix(f"{name} ({metric})", scores[scores.metric == metric])
        for metric in (metrics(kind)[0], metrics(kind)[-1])
    )
    ids = examples.example_id.to_numpy()
    if not np.array_equal(primary.example_ids, ids):
        raise DataError(f"{name}: scores.parquet and examples.parquet hold other examples. {_AGAIN} {folder}")
    frames = list(_by_seed(folder, name, answers, primary.seeds, ids))
    texts = np.array([frame.text for frame in frames], dtype=object)
    if kind == "classification":
        spelt = np.array([_chosen(folder, name, frame.label, examples.choices) for frame in frames], dtype=object)
    else:
        spelt = np.array([[spelled(kind, text) for text in row] for row in texts], dtype=object)
    logits = _logits(folder, name, frames, len(examples.choices.iloc[0]))
    return Cell(role, student, method, variant, primary.seeds, primary.scores, exact.scores == 1, spelt, texts, logits)


def _by_seed(
    folder: Path, name: str, answers: pd.DataFrame, seeds: tuple[int, ...], ids: NDArray
) -> Iterator[pd.DataFrame]:
    """The answers of each seed in the order of the examples."""
    for seed in seeds:
        frame = answers[answers.seed == seed].sort_values("example_id", ignore_index=True)
        if not np.array_equal(frame.example_id.to_numpy(), ids):
            raise DataError(
                f"{folder}/answers.parquet: {name}, seed {seed}: {len(frame)} answers to {len(ids)} examples, or to others. "
                f"{_AGAIN} {folder}"
            )
        yield frame


def _chosen(folder: Path, name: str, labels: pd.Series, choices: pd.Series) -> list[str]:
    n = len(choices.iloc[0])
    wrong = labels[~labels.between(0, n - 1)]
    if len(wrong):
        raise DataError(f"{folder}/answers.parquet: {name}: label {wrong.iloc[0]} is not one of {n}. {_AGAIN} {folder}")
    return [row[label] for row, label in zip(choices, labels, strict=True)]


def _logits(folder: Path, name: str, frames: list[pd.DataFrame], n_choices: int) -> NDArray[np.float64] | None:
    """[S, N, C], or None where no answer has any."""
    lengths = {len(row) for frame in frames for row in frame.logits}
    if lengths == {0}:
        return None
    if lengths != {n_choices}:
        found = ", ".join(map(str, sorted(lengths)))
        raise DataError(
            f"{folder}/answers.parquet: {name}: {found} logits an answer, expected {n_choices} each. {_AGAIN} {folder}"
        )
    return np.array([np.stack(frame.logits.to_list()) for frame in frames], dtype=np.float64)
