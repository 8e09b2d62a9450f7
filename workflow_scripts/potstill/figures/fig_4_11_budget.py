"""What a larger search would have given each method: the expected best validation score of n variants tried."""

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from potstill.figures import style
from potstill.figures.data import PERCENT, Data, quality, table
from potstill.plan.specs.figure import FigureSettings

ROW = 52.0  # mm
DOT = 4.0  # pt


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task, student, method and number of trials; percent."""
    columns = ["task", "student", "method", "trials", "n", "expected_validation"]
    frame = table(data, "comparison", "budget.parquet", columns, finite=["n", "expected_validation"])
    frame = frame.assign(expected_validation=frame["expected_validation"] * PERCENT)
    scores = quality(data)
    frame = frame.merge(scores[["task", "metric"]].drop_duplicates("task"), on="task", how="left")
    colours = style.method_colours(frame["method"], settings)
    shapes = dict(zip(dict.fromkeys(frame["method"]), style.MARKERS * 4, strict=False))
    models = list(frame.groupby(["task", "student"], sort=False))
    columns_drawn = style.columns_that_fit(settings, len(models))
    figure, grid = style.panels(settings, -(-len(models) // columns_drawn), columns_drawn, ROW)
    for axes in list(grid.flat)[len(models) :]:
        axes.remove()
    for axes, (names, model) in zip(grid.flat, models, strict=False):
        task, student = map(str, names)
        axes.grid()
        most = int(model["trials"].max())
        for method in dict.fromkeys(model["method"]):
            curve = model[model["method"] == method]
            look: dict[str, Any] = {"marker": shapes[method], "markersize": DOT, "color": colours[method]}
            axes.plot(curve["n"], curve["expected_validation"], markeredgewidth=0, **look)
        axes.set_xlim(1 - 0.06 * most, most + 0.06 * most)
        axes.xaxis.set_major_locator(MaxNLocator(min(most, 6), integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.margins(y=0.1)
        metric = style.label(model["metric"].iloc[0], settings)
        axes.set_title(f"{style.label(student, settings)}, {style.label(task, settings)}")
        axes.set_xlabel(style.axis_label(settings.x_label))
        axes.set_ylabel(style.axis_label(settings.y_label, metric=metric))
    handles: list[Artist] = []
    for method, shape in shapes.items():
        trials = sorted(set(frame.loc[frame["method"] == method, "trials"]))
        tried = " or ".join(map(str, trials)) + (" variant" if trials == [1] else " variants")
        handles.append(style.marker(shape, f"{style.label(method, settings)} ({tried})", colours[method], DOT))
    style.finish(figure, handles)
    return figure, frame[[*columns[:5], "metric", "expected_validation"]]
