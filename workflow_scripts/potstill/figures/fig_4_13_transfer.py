"""Models of one task on the test sets of others: what was learnt, and what of it holds elsewhere."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from potstill.figures import rows, style
from potstill.figures.data import PERCENT, SCORES, Data, seeds_note, table
from potstill.plan.specs.figure import FigureSettings

MARGIN = 0.06  # of an axis, free at either end
SEEDS_BELOW = 0.24  # rows: seeds lie under their mean, so that neither hides the other


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows, in percent: a panel for each pair of task and test task, a row for each method.

    The panels of one task share their axis, its own test set first: a dot that moves to the left was lost on the way.
    """
    keys = ["task", "test_task", "role", "student", "method", "variant", "metric"]
    means = table(
        data, "transfer", "transfer_summary.parquet", [*keys, "n_seeds", *SCORES, "confidence"], finite=["mean"]
    )
    means[SCORES] *= PERCENT
    means.loc[means["n_seeds"] < 2, SCORES[1:]] = np.nan
    runs = table(data, "transfer", "transfer.parquet", [*keys, "seed", "score", "selected"], finite=["score"])
    runs = runs[runs["selected"] & (runs["role"] == "student")].merge(means[keys], on=keys)
    # A single seed is its own mean.
    runs = runs[runs.groupby(keys)["seed"].transform("nunique") > 1]
    runs = runs.drop(columns="selected").assign(score=runs["score"] * PERCENT)
    floors = _floors(data)
    students = means[means["role"] == "student"]
    names = rows.grouped(students[["student", "method"]].itertuples(index=False, name=None), settings)
    pairs = _pairs(means)
    figure, panels = rows.row_panels(
        settings, names, [_title(*pair, settings) for pair in pairs], _columns(pairs, settings)
    )
    colours = style.method_colours(students["method"], settings)
    for axes, (task, test_task) in zip(panels, pairs, strict=True):
        metric = means.loc[means["test_task"] == test_task, "metric"].iloc[0]
        axes.axvline(floors[test_task, metric], color=style.GREY, linewidth=1, linestyle=":")
        axes.set_xlabel(style.axis_label(settings.x_label, metric=style.label(metric, settings)))
        for teacher in _rows(means[means["role"] == "teacher"], task, test_task):
            axes.axvline(teacher.mean, color=colours["teacher"], linewidth=1, linestyle=style.DASHES)
        for run in _rows(runs, task, test_task):
            row = names.places[run.student, run.method] + SEEDS_BELOW
            axes.plot(run.score, row, marker="o", markersize=rows.SEED, color=colours[run.method], alpha=style.FAINT)
        for mean in _rows(students, task, test_task):
            row, colour = names.places[mean.student, mean.method], colours[mean.method]
            axes.hlines(row, mean.ci_low, mean.ci_high, color=colour, linewidth=rows.INTERVAL)
            axes.plot(mean.mean, row, marker="o", markersize=rows.DOT, color=colour)
    _share_axes(panels, [task for task, _ in pairs])
    handles: list[Artist] = [style.marker("o", rows.dot_name(students), size=rows.DOT)]
    handles += rows.handles_beside(means, colours["teacher"], settings)
    handles.append(style.segment("always the same answer", dashes=":"))
    style.finish(figure, handles, seeds_note(students["n_seeds"]))
    means = means.rename(columns={"mean": "value"}).assign(shown="mean")
    means["constant_answer"] = [floors[row.test_task, row.metric] for row in _all(means)]
    seeds = runs.rename(columns={"score": "value"}).assign(shown="seed")
    shown = pd.concat([means, seeds], ignore_index=True)
    order = [*keys, "shown", "seed", "value", "ci_low", "ci_high", "n_seeds", "constant_answer"]
    return figure, shown[order].astype({"seed": "Int64", "n_seeds": "Int64"})


def _floors(data: Data) -> dict[tuple[str, str], float]:
    """(test task, metric) -> the best score of a constant answer, in percent."""
    columns = ["test_task", "metric", "score"]
    constants = table(data, "transfer", "transfer_baselines.parquet", columns, finite=["score"])
    best = constants.groupby(["test_task", "metric"], as_index=False).agg(score=("score", "max"))
    return {(row.test_task, row.metric): row.score * PERCENT for row in _all(best)}


def _all(frame: pd.DataFrame) -> Iterable[Any]:
    return frame.itertuples()


def _rows(frame: pd.DataFrame, task: str, test_task: str) -> Iterable[Any]:
    return _all(frame[(frame["task"] == task) & (frame["test_task"] == test_task)])


def _pairs(means: pd.DataFrame) -> list[tuple[str, str]]:
    """Task and test task of each panel: by task, its own test set first."""
    found = dict.fromkeys(means[["task", "test_task"]].itertuples(index=False, name=None))
    tasks = list(dict.fromkeys(means["task"]))
    return sorted(found, key=lambda pair: (tasks.index(pair[0]), pair[0] != pair[1]))


def _columns(pairs: list[tuple[str, str]], settings: FigureSettings) -> int | None:
    """A line of panels for each task, where every task has as many test sets and they fit."""
    counts = {sum(task == other for other, _ in pairs) for task, _ in pairs}
    most = max(counts)
    return most if len(counts) == 1 and most <= style.columns_that_fit(settings, most) else None


def _title(task: str, test_task: str, settings: FigureSettings) -> str:
    own = style.label(task, settings)
    return (
        f"{own}, own test set"
        if task == test_task
        else f"{own} \N{RIGHTWARDS ARROW} {style.label(test_task, settings)}"
    )


def _share_axes(panels: list[Axes], tasks: list[str]) -> None:
    """Give the panels of one task the same limits."""
    for task in dict.fromkeys(tasks):
        mine = [axes for axes, of in zip(panels, tasks, strict=True) if of == task]
        low, high = min(axes.dataLim.x0 for axes in mine), max(axes.dataLim.x1 for axes in mine)
        margin = MARGIN * ((high - low) or 1)
        for axes in mine:
            axes.set_xlim(low - margin, high + margin)
