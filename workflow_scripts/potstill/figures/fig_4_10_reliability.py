"""Reliability diagrams: how often a model is right when it is so sure, bin by bin, beside its teacher."""

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from potstill.figures import style
from potstill.figures.data import PERCENT, Data, table
from potstill.plan.specs.figure import FigureSettings

ROW = 46.0  # mm
NARROWEST = 42.0  # mm
COUNTS = 0.22  # share of the panel's height that the highest bar of counts takes
DOT = 3.6  # pt
KEYS = ["task", "role", "student", "method", "variant"]
SHOWN = ["bin", "low", "high", "confidence", "accuracy", "count", "ece", "ece_low", "ece_high"]


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a model and bin that holds answers, in percent."""
    frame = table(data, "error_analysis", "calibration.parquet", [*KEYS, *SHOWN], finite=["count", "ece"])
    frame = frame[frame["count"] > 0].reset_index(drop=True)
    percent = ["low", "high", "confidence", "accuracy", "ece", "ece_low", "ece_high"]
    frame[percent] *= PERCENT
    students = frame[frame["role"] == "student"]
    methods = list(dict.fromkeys(students["method"]))
    columns = style.columns_that_fit(settings, len(methods), NARROWEST)
    models = dict.fromkeys(students[["task", "student"]].itertuples(index=False, name=None))
    # A model's methods fill as many lines of panels as they need.
    lines = [(*model, methods[k : k + columns]) for model in models for k in range(0, len(methods), columns)]
    figure, grid = style.panels(settings, len(lines), columns, ROW)
    colours = style.method_colours(methods, settings)
    for line, (task, student, some_methods) in zip(grid, lines, strict=True):
        of_task = frame[frame["task"] == task]
        teacher = of_task[of_task["role"] == "teacher"]
        where = f"{style.label(student, settings)}\n{style.label(task, settings)}"
        line[0].set_ylabel(f"{where}\n{style.axis_label(settings.y_label)}")
        for axes, method in zip(line, some_methods, strict=False):
            model = of_task[(of_task["student"] == student) & (of_task["method"] == method)]
            _draw_panel(axes, model, teacher, colours[method], of_task["low"].min())
            axes.set_title(f"{style.label(method, settings)}\n{_ece(model)}")
        for axes in line[len(some_methods) :]:
            axes.remove()
    for column in grid.T:
        lowest = [axes for axes in column if axes.figure is not None][-1]
        lowest.set_xlabel(style.axis_label(settings.x_label))
    style.finish(figure, _handles(frame, settings), _note(frame, settings))
    return figure, frame


def _draw_panel(axes: Axes, model: pd.DataFrame, teacher: pd.DataFrame, colour: str, lowest: float) -> None:
    """The diagonal, the teacher thin, the model thick; how many answers each bin holds stands at the foot."""
    axes.grid()
    axes.plot([lowest, PERCENT], [lowest, PERCENT], color=style.GREY, linewidth=0.9, linestyle=style.DASHES)
    shares = COUNTS * PERCENT * model["count"] / model["count"].max()
    width = (model["high"] - model["low"]) * 0.92
    axes.bar((model["low"] + model["high"]) / 2, shares, width, color=style.LIGHT, linewidth=0, zorder=0.6)
    curve: dict[str, Any] = {"clip_on": False, "markeredgewidth": 0}
    axes.plot(teacher["confidence"], teacher["accuracy"], color=style.INK, linewidth=0.8, marker="x", markersize=3)
    axes.plot(model["confidence"], model["accuracy"], color=colour, marker="o", markersize=DOT, zorder=3, **curve)
    axes.set(xlim=(lowest, PERCENT), ylim=(0, PERCENT))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2.5, 5, 10]))


def _ece(model: pd.DataFrame) -> str:
    """Such as `ECE 4.2 [3.0, 5.9]`, percent; without the interval where there is none."""
    if model.empty:
        return ""
    first = model.iloc[0]
    interval = f" [{first['ece_low']:.1f}, {first['ece_high']:.1f}]" if pd.notna(first["ece_low"]) else ""
    return f"ECE {first['ece']:.1f}{interval}"


def _handles(frame: pd.DataFrame, settings: FigureSettings) -> list[Artist]:
    handles: list[Artist] = [style.marker("o", "student (method in its colour)", size=DOT)]
    for name in dict.fromkeys(frame.loc[frame["role"] == "teacher", "student"]):
        handles.append(style.marker("x", f"{style.label(name, settings)} (teacher)", style.INK, 3, edge=0.8))
    handles += [
        style.segment("as right as it is sure", style.GREY, style.DASHES, 0.9),
        Patch(color=style.LIGHT, linewidth=0, label="the student's answers in a bin"),
    ]
    return handles


def _note(frame: pd.DataFrame, settings: FigureSettings) -> str:
    teachers = frame[frame["role"] == "teacher"].drop_duplicates("task")
    of_teachers = "; ".join(
        f"{style.label(model['student'], settings)} on {style.label(model['task'], settings)}: {_ece(teachers.loc[[place]])}"
        for place, model in teachers.iterrows()
    )
    answers = frame[frame["role"] == "student"].groupby(KEYS)["count"].sum()
    counted = " to ".join(f"{number:.0f}" for number in sorted({answers.min(), answers.max()}))
    said = f"ECE: expected calibration error (%). A panel holds {counted} answers (all seeds)."
    return f"{said} Teacher: {of_teachers}." if of_teachers else said
