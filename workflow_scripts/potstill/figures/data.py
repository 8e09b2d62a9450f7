"""What figures read: checked tables of the named products, scores in percent."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from potstill.errors import ArtefactError
from potstill.tables import read_frame

Data = Mapping[str, Path]
PERCENT = 100.0
SCORES = ["mean", "ci_low", "ci_high"]


def table(data: Data, product: str, file: str, columns: Sequence[str], finite: Sequence[str] = ()) -> pd.DataFrame:
    """Columns of one Parquet file of a named product.

    Args:
        data: product name -> directory.
        finite: those of `columns` that a figure cannot do without, so that NaN there is an error.

    Raises:
        ArtefactError: the file is missing, damaged, lacks a column or has no rows; names the file.
    """
    path = data[product] / file
    frame = read_frame(path)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns))
        raise ArtefactError(f"{path}: no column {', '.join(missing)} (found: {found}). Make {product} again.")
    if frame.empty:
        cure = f"Make {product} again, or leave the figure out by `figures:` in the experiment."
        raise ArtefactError(f"{path}: has no rows, so there is nothing to draw. {cure}")
    for name in finite:
        bad = frame.index[~np.isfinite(frame[name].to_numpy(dtype=float))]
        if len(bad):
            value = frame.loc[bad[0], name]
            raise ArtefactError(f"{path}: row {bad[0]}: {name} is {value}, must be a number. Make {product} again.")
    return frame[list(columns)]


def quality(data: Data) -> pd.DataFrame:
    """The primary metric of the teacher and of each student and method (its selected variant), in percent.

    Returns:
        task, role, student, method, variant, metric, n_seeds, mean, ci_low, ci_high, confidence, tied (cannot be told
        from the best student of its task). The interval is NaN where there is one seed: it would speak of the examples
        alone, and look as if it spoke of training as well.
    """
    columns = ["task", "role", "student", "method", "variant", "metric", "n_seeds", *SCORES, "confidence", "tied"]
    summary = table(data, "comparison", "summary.parquet", [*columns, "primary", "selected"], finite=["mean"])
    chosen = summary["primary"] & (summary["selected"] | (summary["role"] == "teacher"))
    if not (chosen & (summary["role"] == "student")).any():
        path = data["comparison"] / "summary.parquet"
        raise ArtefactError(f"{path}: no selected student with a primary metric. Make comparison again.")
    frame = summary.loc[chosen, columns].reset_index(drop=True)
    frame[SCORES] *= PERCENT
    frame.loc[frame["n_seeds"] < 2, ["ci_low", "ci_high"]] = np.nan
    return frame


def single_seeds(data: Data) -> pd.DataFrame:
    """The primary test score of each selected run, in percent, where a method has several: a single seed is its mean.

    Returns:
        task, role, student, method, variant, metric, seed, score.
    """
    columns = ["task", "role", "student", "method", "variant", "metric", "seed"]
    wanted = [*columns, "test_score", "selected"]
    runs = table(data, "collected", "runs.parquet", wanted, finite=["test_score"])
    runs = runs[runs["selected"] & (runs["role"] == "student")]
    runs = runs[runs.groupby(["task", "student", "method"])["seed"].transform("nunique") > 1]
    return runs[columns].assign(score=runs["test_score"] * PERCENT).reset_index(drop=True)


def floors(data: Data) -> pd.DataFrame:
    """The score that keeps the share `margin` of the teacher's, on each task: task, margin, floor (percent)."""
    kept = table(data, "comparison", "retention.parquet", ["task", "margin"], finite=["margin"]).drop_duplicates()
    scores = quality(data)
    teachers = scores.loc[scores["role"] == "teacher", ["task", "mean"]]
    joined = kept.merge(teachers, on="task")
    return joined[["task", "margin"]].assign(floor=joined["margin"] * joined["mean"])


def interval_name(frame: pd.DataFrame) -> str:
    """What a legend calls the intervals of `frame`."""
    levels = " / ".join(f"{level * PERCENT:g}" for level in dict.fromkeys(frame["confidence"]))
    return f"{levels} % interval"


def seeds_note(n_seeds: "pd.Series[int]") -> str:
    """The sentence that a figure owes its reader where there is one seed; empty where each mean has several."""
    if (n_seeds > 1).all():
        return ""
    who = "One seed" if (n_seeds < 2).all() else "Points without a line have one seed"
    return f"{who}: no interval, how much training varies is not known."


def with_measure(frame: pd.DataFrame, measures: pd.DataFrame, column: str, path: Path) -> pd.DataFrame:
    """`frame` with `column` of `measures`, found by task, role and student.

    Raises:
        ArtefactError: a model of `frame` was not measured; names `path`, where it should be.
    """
    keys = ["task", "role", "student"]
    joined = frame.merge(measures[[*keys, column]].drop_duplicates(keys), on=keys, how="left")
    lost = joined[joined[column].isna()]
    if not lost.empty:
        task, role, student = lost.iloc[0][keys]
        raise ArtefactError(f"{path}: no {column} of {role} {student} on {task}. Make {path.parent.name} again.")
    return joined
