"""Scores by slice of the test set: where a student is weak, and where a method helps.

Slices were not asked about beforehand and are many: a difference in one of them is a question for another experiment, not
a finding. Intervals are those of the main results, of the slice's examples alone.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from potstill.analysis.answers import Cell, TaskResults
from potstill.analysis.schema import COUNT, FLAG, SHARE, TEXT
from potstill.errors import DataError
from potstill.plan.specs.analyse import OWN_SLICES, ErrorAnalysisSettings
from potstill.statistics.intervals import interval_of_score

SCHEMA = pa.schema(
    {
        "task": TEXT,
        "student": TEXT,
        "method": TEXT,
        "slice": TEXT,
        "value": TEXT,
        "n_examples": COUNT,
        "metric": TEXT,
        "score": SHARE,
        "ci_low": SHARE,
        "ci_high": SHARE,
        "teacher_score": SHARE,
        "baseline_score": SHARE,
        "small": FLAG,
        "confidence": SHARE,
    }
)
OTHERS, EMPTY = "(all others)", "(empty)"

Group = tuple[str, NDArray[np.bool_]]


def slices(
    results: Iterable[TaskResults],
    columns: Mapping[str, pd.DataFrame],
    settings: ErrorAnalysisSettings,
    baseline: str,
    confidence: float,
) -> pd.DataFrame:
    """One row per task, student, method (selected variant), slice and value: the primary metric there.

    Args:
        columns: task -> `example_id` and the columns of its data that `settings.slices` names.
        baseline: the method whose score of the same student stands beside (NaN where it has none).

    Raises:
        DataError: the columns do not cover a task's test examples.
    """
    rows = []
    for task in results:
        for name in settings.slices:
            for value, chosen in _groups(task, name, columns.get(task.task), settings):
                rows += [
                    {"task": task.task, "student": cell.student, "method": cell.method, "slice": name, "value": value}
                    | _scores(task, cell, chosen, baseline, confidence)
                    | {"small": int(chosen.sum()) < settings.small_slice, "confidence": confidence}
                    for cell in task.students
                ]
    return pd.DataFrame(rows, columns=SCHEMA.names)


def quartiles(values: NDArray[np.float64]) -> list[Group]:
    """Up to four groups of about the same size, named by their smallest and largest value; equal values stay together."""
    upper = np.unique(np.quantile(values, [0.25, 0.5, 0.75, 1], method="inverted_cdf"))
    group = np.searchsorted(upper, values)
    return [(_span(values[group == index]), group == index) for index in range(len(upper))]


def largest(values: NDArray[np.object_], most: int) -> list[Group]:
    """The `most` commonest values, ties in their order, and all others together."""
    counts = pd.Series(values).value_counts().rename_axis("value").reset_index()
    names = counts.sort_values(["count", "value"], ascending=[False, True]).value.tolist()
    shown = names if len(names) <= most + 1 else names[:most]
    groups = [(name or EMPTY, values == name) for name in shown]
    rest = ~np.isin(values.astype(str), shown)
    return [*groups, (OTHERS, rest)] if rest.any() else groups


def _groups(
    task: TaskResults, name: str, columns: pd.DataFrame | None, settings: ErrorAnalysisSettings
) -> Iterator[Group]:
    examples = task.examples
    if name == "length":
        yield from quartiles(examples.n_words.to_numpy(dtype=float))
    elif name == "label" and task.kind == "classification":
        for choice in examples.choices.iloc[0]:
            if (task.gold == choice).any():
                yield choice, task.gold == choice
    elif name == "cluster" and task.clusters is not None:
        yield from largest(examples.cluster_id.to_numpy(dtype=object), settings.slice_values)
    elif name not in OWN_SLICES and columns is not None and name in columns:
        found = columns.set_index("example_id")[name].reindex(examples.example_id)
        if found.isna().any():
            raise DataError(
                f"error_analysis.slices: {name}: the data set of task {task.task} has no row for the test example "
                f"{found.index[found.isna()][0]}; it is not the one that the examples were made from"
            )
        yield from _of_column(found.to_numpy(dtype=object), settings)


def _of_column(values: NDArray[np.object_], settings: ErrorAnalysisSettings) -> list[Group]:
    """Quartiles where the column holds many numbers, otherwise its commonest values."""
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=float)
    if len(set(values)) > settings.slice_values + 1 and np.isfinite(numbers).all():
        return quartiles(numbers)
    return largest(values, settings.slice_values)


def _scores(
    task: TaskResults, cell: Cell, chosen: NDArray[np.bool_], baseline: str, confidence: float
) -> dict[str, object]:
    clusters = None if task.clusters is None else task.clusters[chosen]
    if clusters is not None and not 1 < len(np.unique(clusters)) < len(clusters):
        clusters = None
    scores = cell.scores[:, chosen]
    # One example says nothing of others.
    low, high = interval_of_score(scores, clusters, confidence) if scores.shape[1] > 1 else (np.nan, np.nan)
    others = [c for c in task.students if c.student == cell.student and c.method == baseline]
    return {
        "n_examples": int(chosen.sum()),
        "metric": task.metric,
        "score": float(scores.mean()),
        "ci_low": low,
        "ci_high": high,
        "teacher_score": float(task.teacher.scores[:, chosen].mean()),
        "baseline_score": float(others[0].scores[:, chosen].mean()) if others else np.nan,
    }


def _span(values: NDArray[np.float64]) -> str:
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
