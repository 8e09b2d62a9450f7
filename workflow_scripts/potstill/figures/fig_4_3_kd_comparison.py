"""The methods side by side: the mean of each with its interval, and every seed."""

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from potstill.figures import rows, style
from potstill.figures.data import Data, quality, seeds_note, single_seeds
from potstill.plan.specs.figure import FigureSettings

SEEDS_BELOW = 0.24  # rows: seeds lie under their mean, so that neither hides the other


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows, in percent: rows `mean` (with interval) and rows `seed`."""
    means = quality(data)
    runs = single_seeds(data)
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
            axes.plot(run.score, row, marker="o", markersize=rows.SEED, color=colour, alpha=style.FAINT)
        for mean in students[students["task"] == task].itertuples():
            row, colour = names.places[mean.student, mean.method], colours[mean.method]
            axes.hlines(row, mean.ci_low, mean.ci_high, color=colour, linewidth=rows.INTERVAL)
            rows.dot(axes, mean.mean, row, colour, hollow=not mean.tied)
        metric = means.loc[means["task"] == task, "metric"].iloc[0]
        axes.set_xlabel(style.axis_label(settings.x_label, metric=style.label(metric, settings)))
        axes.margins(x=0.06)
    dot = rows.dot_name(students)
    handles: list[Artist] = [style.marker("o", f"{dot}, tied with the best student", size=rows.DOT)]
    if not students["tied"].all():
        handles.append(style.marker("o", f"{dot}, worse than the best student", size=rows.DOT, hollow=True))
    handles += rows.handles_beside(means, colours["teacher"], settings)
    style.finish(figure, handles, seeds_note(students["n_seeds"]))
    seeds = runs.rename(columns={"score": "value"}).assign(shown="seed")
    shown = pd.concat([means.rename(columns={"mean": "value"}).assign(shown="mean"), seeds], ignore_index=True)
    order = ["task", "role", "student", "method", "variant", "metric", "shown", "seed", "value", "ci_low", "ci_high"]
    return figure, shown[[*order, "n_seeds", "tied"]].astype({"seed": "Int64", "n_seeds": "Int64", "tied": "boolean"})
