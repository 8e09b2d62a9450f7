"""The methods side by side: the mean of each with its interval, and every seed."""

import pandas as pd
from matplotlib.figure import Figure

from potstill.figures import rows, style
from potstill.figures.data import PERCENT, Data, interval_name, quality, seeds_note, table
from potstill.plan.specs.figure import FigureSettings

SEEDS_BELOW = 0.24  # rows: seeds lie under their mean, so that neither hides the other


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows, in percent: rows `mean` (with interval) and rows `seed`."""
    means = quality(data)
    columns = ["task", "role", "student", "method", "variant", "metric", "seed", "test_score", "selected"]
    runs = table(data, "collected", "runs.parquet", columns, finite=["test_score"])
    runs = runs[runs["selected"] & (runs["role"] == "student")]
    # A single seed is its own mean.
    runs = runs[runs.groupby(["task", "student", "method"])["seed"].transform("nunique") > 1]
    students = means[means["role"] == "student"]
    tasks = list(dict.fromkeys(means["task"]))
    names = rows.grouped(students[["student", "method"]].itertuples(index=False, name=None), settings)
    colours = style.method_colours(students["method"], settings)
    figure, panels = rows.row_panels(settings, names, [style.label(task, settings) for task in tasks])
    for axes, task in zip(panels, tasks, strict=True):
        for teacher in means[(means["task"] == task) & (means["role"] == "teacher")].itertuples():
            axes.axvline(teacher.mean, color=colours["teacher"], linewidth=1, linestyle=style.DASHES)
        for run in runs[runs["task"] == task].itertuples():
            row, colour = names.places[run.student, run.method] + SEEDS_BELOW, colours[run.method]
            axes.plot(run.test_score * PERCENT, row, marker="o", markersize=rows.SEED, color=colour, alpha=style.FAINT)
        for mean in students[students["task"] == task].itertuples():
            row, colour = names.places[mean.student, mean.method], colours[mean.method]
            axes.hlines(row, mean.ci_low, mean.ci_high, color=colour, linewidth=rows.INTERVAL)
            axes.plot(mean.mean, row, marker="o", markersize=rows.DOT, color=colour)
        metric = means.loc[means["task"] == task, "metric"].iloc[0]
        axes.set_xlabel(style.axis_label(settings.x_label, metric=style.label(metric, settings)))
        axes.margins(x=0.06)
    several = bool((students["n_seeds"] > 1).any())
    handles = [style.marker("o", "mean over seeds" if several else "score", size=rows.DOT)]
    if several:
        handles += [
            style.segment(interval_name(students)),
            style.marker("o", "one seed", size=rows.SEED, alpha=style.FAINT),
        ]
    for teacher in dict.fromkeys(means.loc[means["role"] == "teacher", "student"]):
        handles.append(style.segment(f"{style.label(teacher, settings)} (teacher)", colours["teacher"], style.DASHES))
    style.finish(figure, handles, seeds_note(students["n_seeds"]))
    seeds = runs.drop(columns=["selected", "test_score"]).assign(value=runs["test_score"] * PERCENT, shown="seed")
    shown = pd.concat([means.rename(columns={"mean": "value"}).assign(shown="mean"), seeds], ignore_index=True)
    order = ["task", "role", "student", "method", "variant", "metric", "shown", "seed", "value", "ci_low", "ci_high"]
    return figure, shown[[*order, "n_seeds"]].astype({"seed": "Int64", "n_seeds": "Int64"})
