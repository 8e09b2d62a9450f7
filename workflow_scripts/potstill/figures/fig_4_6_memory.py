"""What a model takes: memory at its peak while it runs, and bytes on disk."""

import pandas as pd
from matplotlib.figure import Figure

from potstill.figures import rows, style
from potstill.figures.benchmarks import COLUMNS, environment_note, models
from potstill.figures.data import Data, table
from potstill.plan.specs.figure import FigureSettings

QUANTITIES = {"peak_memory": "Peak memory", "on_disk": "On disk"}


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task, model and quantity, in MB or GB."""
    sizes = ["peak_memory_mb", "bytes_on_disk"]
    frame = models(table(data, "collected_benchmarks", "benchmarks.parquet", [*COLUMNS, *sizes], finite=sizes))
    megabytes = {"peak_memory": frame["peak_memory_mb"], "on_disk": frame["bytes_on_disk"] / 1e6}
    unit, scale = ("GB", 1e3) if max(values.max() for values in megabytes.values()) >= 2e3 else ("MB", 1.0)
    shown = pd.concat(
        frame[["task", "role", "student"]].assign(quantity=name, value=values / scale, unit=unit)
        for name, values in megabytes.items()
    )
    tasks = list(dict.fromkeys(frame["task"]))
    names = rows.models(frame[["role", "student"]].itertuples(index=False, name=None), settings)
    pairs = [(task, name) for task in tasks for name in QUANTITIES]
    titles = [style.label(task, settings) if name == "peak_memory" else "" for task, name in pairs]
    figure, panels = rows.row_panels(settings, names, titles, columns=2)
    for axes, (task, name) in zip(panels, pairs, strict=True):
        values = shown.loc[shown["quantity"] == name, "value"]
        rows.value_axis(axes, values, settings, columns=2)
        for model in shown[(shown["task"] == task) & (shown["quantity"] == name)].itertuples():
            row = names.places[model.role, model.student]
            axes.plot(model.value, row, marker="o", markersize=rows.DOT, color=style.MODEL)
            rows.value(axes, model.value, row, style.quantity(model.value))
        axes.set_xlabel(style.axis_label(settings.x_label, quantity=QUANTITIES[name], unit=unit))
    style.finish(figure, [], environment_note(frame))
    return figure, shown.reset_index(drop=True)
