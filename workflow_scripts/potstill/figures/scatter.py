"""Quality against what a model costs: one panel a task, colour a method, marker a student."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from potstill.figures import style
from potstill.figures.data import PERCENT, interval_name, seeds_note
from potstill.plan.specs.figure import FigureSettings

ROW = 68.0  # mm
STEP = 6.5  # pt between the methods of one student, which all cost the same
DOT, STAR = 5.5, 9.0  # pt
INTERVAL: dict[str, Any] = {
    "color": style.GREY,
    "linestyle": "none",
    "marker": "|",
    "markersize": 9,
    "markeredgewidth": 1.2,
}
SEED = 2.2  # pt
MARGIN: dict[str, Any] = {"color": style.INK, "linewidth": 0.9, "linestyle": style.DOTS}
FRONT: dict[str, Any] = {"color": style.INK, "linewidth": 1.0, "linestyle": (0, (1, 1.2))}


def draw_scatter(
    frame: pd.DataFrame,
    cost: str,
    settings: FigureSettings,
    seeds: pd.DataFrame | None = None,
    floors: pd.DataFrame | None = None,
) -> Figure:
    """Draw `frame`: `data.quality` with a column `cost`, and `on_front` (bool) where a Pareto front is to be drawn.

    The methods of a student cost the same: they are set apart sideways by a few points, in the frame's order, so that
    intervals can be told apart.

    Args:
        seeds: task, student, method, score: small dots beside the mean.
        floors: task, margin, floor: a line at the score that keeps the share `margin` of the teacher's.
    """
    tasks = list(dict.fromkeys(frame["task"]))
    students = frame[frame["role"] == "student"]
    colours = style.method_colours(students["method"], settings)
    markers = style.student_markers(list(dict.fromkeys(students["student"])))
    columns = style.columns_that_fit(settings, len(tasks))
    # Room for the methods set apart, left and right of the smallest and the largest model.
    aside = STEP * (students["method"].nunique() - 1) + DOT
    pad = min(0.3, 0.04 + aside * style.POINT / (0.75 * style.WIDTH[settings.width] / columns))
    figure, grid = style.panels(settings, -(-len(tasks) // columns), columns, ROW)
    for axes in list(grid.flat)[len(tasks) :]:
        axes.remove()
    panels = list(grid.flat)[: len(tasks)]
    for axes, task in zip(panels, tasks, strict=True):
        of_task = frame[frame["task"] == task]
        style.value_axis(axes, of_task[cost], style.ticks_that_fit(settings, columns), pad)
        axes.grid()
        for teacher in of_task[of_task["role"] == "teacher"].itertuples():
            axes.axhline(teacher.mean, color=colours["teacher"], linewidth=0.8, linestyle=style.DASHES)
            axes.plot(getattr(teacher, cost), teacher.mean, marker="*", markersize=STAR, color=colours["teacher"])
        kept = floors[floors["task"] == task] if floors is not None else pd.DataFrame()
        for line in kept.itertuples():
            axes.axhline(line.floor, zorder=1.5, **MARGIN)
        for student, marker in markers.items():
            methods = of_task[of_task["student"] == student]
            for place, point in enumerate(methods.itertuples(), start=-_origin(methods)):
                single = None if seeds is None else _scores_of(seeds, point)
                _point(axes, point, getattr(point, cost), STEP * place, colours[point.method], marker, single)
        others = [] if seeds is None else [seeds.loc[seeds["task"] == task, "score"]]
        _limit_scores(axes, of_task, others + ([] if kept.empty else [kept["floor"]]))
        metric = of_task["metric"].iloc[0]
        if "on_front" in frame:
            front = of_task[of_task["on_front"]].sort_values(cost)
            axes.step(front[cost], front["mean"], where="post", zorder=1.5, **FRONT)
        axes.set_title(style.label(task, settings))
        axes.set_xlabel(style.axis_label(settings.x_label))
        axes.set_ylabel(style.axis_label(settings.y_label, metric=style.label(metric, settings)))
    handles = _handles(frame, colours, markers, settings)
    if (students["n_seeds"] > 1).any():
        handles.append(Line2D([], [], label=interval_name(students), **INTERVAL))
    if seeds is not None and not seeds.empty:
        handles.append(style.marker("o", "one seed", style.GREY, SEED, style.FAINT))
    if floors is not None:
        shares = " / ".join(f"{share * PERCENT:g}" for share in dict.fromkeys(floors["margin"]))
        handles.append(Line2D([], [], label=f"{shares} % of the teacher's score", **MARGIN))
    if "on_front" in frame:
        handles.append(Line2D([], [], label="Pareto front", **FRONT))
    aside_note = (
        "Methods of one student are set apart sideways only to be seen, in the order of the legend."
        if len(set(students["method"])) > 1
        else ""
    )
    note = f"{aside_note} {seeds_note(students['n_seeds'])}".strip()
    style.finish(figure, handles, note, beside=columns == 1 and settings.width == "double")
    return figure


def _origin(methods: pd.DataFrame) -> int:
    """Which of a student's methods is drawn at its very place: one on the Pareto front, otherwise the middle one."""
    on_front = methods["on_front"].to_numpy() if "on_front" in methods else np.zeros(len(methods), dtype=bool)
    return int(on_front.argmax()) if on_front.any() else (len(methods) - 1) // 2


def _scores_of(seeds: pd.DataFrame, point: Any) -> "pd.Series[float]":
    of_model = (seeds["task"] == point.task) & (seeds["student"] == point.student) & (seeds["method"] == point.method)
    return seeds.loc[of_model, "score"]


def _point(
    axes: Axes,
    point: Any,
    cost: float,
    offset: float,
    colour: str,
    marker: str,
    seeds: "pd.Series[float] | None",
) -> None:
    aside = axes.transData + ScaledTranslation(offset / 72, 0, axes.figure.dpi_scale_trans)
    interval = [point.ci_low, point.ci_high]
    axes.plot([cost, cost], interval, color=colour, linewidth=1.2, transform=aside)
    if seeds is not None and len(seeds):
        beside = aside + ScaledTranslation(0.6 * STEP / 72, 0, axes.figure.dpi_scale_trans)
        dots: dict[str, Any] = {"markersize": SEED, "markeredgewidth": 0, "alpha": style.FAINT}
        axes.plot([cost] * len(seeds), seeds, marker="o", linestyle="none", color=colour, transform=beside, **dots)
    look: dict[str, Any] = {"markersize": DOT, "markeredgecolor": "white", "markeredgewidth": 0.5}
    axes.plot(cost, point.mean, marker=marker, color=colour, transform=aside, **look)


def _limit_scores(axes: Axes, frame: pd.DataFrame, others: list["pd.Series[float]"]) -> None:
    values = np.concatenate([frame[["mean", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel(), *others])
    low, high = np.nanmin(values), np.nanmax(values)
    pad = 0.08 * (high - low or 1.0)
    axes.set_ylim(low - pad, high + pad)


def _handles(
    frame: pd.DataFrame, colours: dict[str, str], markers: dict[str, str], settings: FigureSettings
) -> list[Artist]:
    students = frame[frame["role"] == "student"]
    handles: list[Artist] = [
        style.swatch(colours[method], style.label(method, settings)) for method in dict.fromkeys(students["method"])
    ]
    handles += [
        style.marker(shape, style.label(name, settings), style.INK, hollow=True) for name, shape in markers.items()
    ]
    for name in dict.fromkeys(frame.loc[frame["role"] == "teacher", "student"]):
        text = f"{style.label(name, settings)} (teacher)"
        handles.append(style.marker("*", text, colours["teacher"], STAR))
    return handles
