"""Latency at batch size 1: the median of each model, and a line up to its 95th percentile."""

import pandas as pd
from matplotlib.figure import Figure

from potstill.figures import rows, style
from potstill.figures.benchmarks import COLUMNS, environment_note, models
from potstill.figures.data import Data, table
from potstill.plan.specs.figure import FigureSettings


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task and model, latencies in ms."""
    latencies = ["latency_ms_p50", "latency_ms_p95"]
    frame = table(data, "collected_benchmarks", "benchmarks.parquet", [*COLUMNS, *latencies], finite=latencies)
    frame = models(frame)
    tasks = list(dict.fromkeys(frame["task"]))
    names = rows.models(frame[["role", "student"]].itertuples(index=False, name=None), settings)
    figure, panels = rows.row_panels(settings, names, [style.label(task, settings) for task in tasks])
    columns = style.columns_that_fit(settings, len(tasks))
    for axes, task in zip(panels, tasks, strict=True):
        rows.value_axis(axes, frame[latencies].to_numpy().ravel(), settings, columns)
        for model in frame[frame["task"] == task].itertuples():
            row, colour = names.places[model.role, model.student], style.MODEL
            axes.hlines(row, model.latency_ms_p50, model.latency_ms_p95, color=colour, linewidth=rows.INTERVAL)
            axes.vlines(model.latency_ms_p95, row - 0.14, row + 0.14, color=colour, linewidth=rows.INTERVAL)
            axes.plot(model.latency_ms_p50, row, marker="o", markersize=rows.DOT, color=colour)
            rows.value(axes, model.latency_ms_p50, row, style.quantity(model.latency_ms_p50))
        axes.set_xlabel(style.axis_label(settings.x_label))
    handles = [style.marker("o", "median", style.MODEL), style.segment("up to the 95th percentile", style.MODEL)]
    style.finish(figure, handles, environment_note(frame))
    return figure, frame[["task", "role", "student", *latencies]]
