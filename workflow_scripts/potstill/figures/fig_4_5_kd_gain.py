"""What each method gains over the baseline, and the smallest gain that this design could have seen."""

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from potstill.figures import rows, style
from potstill.figures.data import PERCENT, Data, interval_name, seeds_note, table
from potstill.plan.specs.figure import FigureSettings

BAND = 0.34  # rows: half the height of a band


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task, student and method, in points of the primary metric.

    With one seed there is neither interval nor detectable effect: both would leave out how much training varies.
    """
    points = ["difference", "ci_low", "ci_high", "mde"]
    columns = ["task", "student", "method", "other", "role", *points, "n_seeds", "confidence"]
    frame = table(data, "comparison", "contrasts.parquet", columns, finite=["difference"])
    frame = frame[frame["role"] == "confirmatory"].reset_index(drop=True)
    frame[points] *= PERCENT
    frame.loc[frame["n_seeds"] < 2, points[1:]] = float("nan")
    tasks = list(dict.fromkeys(frame["task"]))
    names = rows.grouped(frame[["student", "method"]].itertuples(index=False, name=None), settings)
    colours = style.method_colours([*frame["method"], *frame["other"]], settings)
    figure, panels = rows.row_panels(settings, names, [style.label(task, settings) for task in tasks])
    for axes, task in zip(panels, tasks, strict=True):
        axes.axvline(0, color=style.INK, linewidth=0.8)
        of_task = frame[frame["task"] == task]
        for gain in of_task.itertuples():
            row, colour = names.places[gain.student, gain.method], colours[gain.method]
            if pd.notna(gain.mde):
                axes.fill_betweenx([row - BAND, row + BAND], -gain.mde, gain.mde, color=style.LIGHT, linewidth=0)
            axes.hlines(row, gain.ci_low, gain.ci_high, color=colour, linewidth=rows.INTERVAL)
            axes.plot(gain.difference, row, marker="o", markersize=rows.DOT, color=colour)
        baseline = " / ".join(style.label(name, settings) for name in dict.fromkeys(of_task["other"]))
        axes.set_xlabel(style.axis_label(settings.x_label, baseline=baseline))
        axes.margins(x=0.06)
    handles: list[Artist] = [style.marker("o", "difference of the means", size=rows.DOT)]
    if (frame["n_seeds"] > 1).any():
        handles.append(style.segment(interval_name(frame)))
    if frame["mde"].notna().any():
        handles.append(Patch(color=style.LIGHT, label="smaller than the minimum detectable effect"))
    style.finish(figure, handles, seeds_note(frame["n_seeds"]))
    return figure, frame
