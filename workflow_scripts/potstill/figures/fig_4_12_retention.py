"""How much of the teacher's score a student keeps, and whether that is shown to be enough: the non-inferiority test."""

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from potstill.figures import rows, style
from potstill.figures.data import PERCENT, Data, interval_name, quality, seeds_note, table
from potstill.plan.specs.figure import FigureSettings

NUMBERS = ["retention", "ci_low", "ci_high", "lower_bound", "margin"]
BOUND = 0.22  # rows: half the height of the mark of a bound


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task, student and method, in percent of the teacher's score.

    Students stand in the order of their size, the largest first. With one seed there is neither interval nor bound.
    """
    frame = retained(data)
    tasks = list(dict.fromkeys(frame["task"]))
    sizes = frame.drop_duplicates("student").set_index("student")["parameters"]
    headings = {name: f"{style.label(str(name), settings)}, {style.quantity(size)}" for name, size in sizes.items()}
    frame = frame.assign(group=[headings[name] for name in frame["student"]])
    names = rows.grouped(frame[["group", "method"]].itertuples(index=False, name=None), settings)
    colours = style.method_colours(frame["method"], settings)
    figure, panels = rows.row_panels(settings, names, [style.label(task, settings) for task in tasks])
    for axes, task in zip(panels, tasks, strict=True):
        of_task = frame[frame["task"] == task]
        axes.axvline(PERCENT, color=style.INK, linewidth=0.8, linestyle=style.DASHES)
        for margin in dict.fromkeys(of_task["margin"]):
            axes.axvline(margin, color=style.INK, linewidth=0.9, linestyle=style.DOTS)
        for kept in of_task.dropna(subset=["retention"]).itertuples():
            row, colour = names.places[kept.group, kept.method], colours[kept.method]
            axes.hlines(row, kept.ci_low, kept.ci_high, color=colour, linewidth=rows.INTERVAL)
            bound: dict[str, Any] = {"color": colour, "linewidth": 1.0}
            axes.plot([kept.lower_bound] * 2, [row - BOUND, row + BOUND], **bound)
            rows.dot(axes, kept.retention, row, colour, hollow=not kept.keeps)
        axes.set_xlabel(style.axis_label(settings.x_label, metric=style.label(of_task["metric"].iloc[0], settings)))
        axes.margins(x=0.06)
        if settings.width == "double" and len(tasks) == 1:
            texts = {names.places[kept.group, kept.method]: _text(kept) for kept in of_task.itertuples()}
            several = (of_task["n_seeds"] > 1).any()
            rows.beside(axes, names, "% [interval], verdict" if several else "%, verdict", texts)
    undefined = "Not defined where the teacher scored 0." if frame["retention"].isna().any() else ""
    style.finish(figure, _handles(frame), f"{undefined} {seeds_note(frame['n_seeds'])}".strip())
    return figure, frame.drop(columns="group")


def retained(data: Data) -> pd.DataFrame:
    """`retention.parquet` in percent, the largest student first; NaN where one seed allows no interval."""
    keys = ["task", "student", "method", "variant", "metric"]
    columns = [*keys, *NUMBERS, "p_holm", "keeps", "n_seeds", "parameters"]
    frame = table(data, "comparison", "retention.parquet", columns, finite=["margin", "parameters"])
    frame[NUMBERS] *= PERCENT
    frame.loc[frame["n_seeds"] < 2, ["ci_low", "ci_high", "lower_bound"]] = float("nan")
    task_order = {task: place for place, task in enumerate(dict.fromkeys(frame["task"]))}
    by_size = frame.assign(place=frame["task"].map(task_order), size=-frame["parameters"])
    ordered = by_size.sort_values(["place", "size"], kind="stable").drop(columns=["place", "size"])
    levels = quality(data).drop_duplicates("task").set_index("task")["confidence"]
    return ordered.assign(confidence=levels.loc[ordered["task"]].to_numpy()).reset_index(drop=True)


def _text(kept: Any) -> str:
    if pd.isna(kept.retention):
        return "not defined"
    verdict = "keeps" if kept.keeps else "falls short" if kept.ci_high < kept.margin else "open"
    return f"{rows.estimate(kept.retention, kept.ci_low, kept.ci_high)}, {verdict}"


def _handles(frame: pd.DataFrame) -> list[Artist]:
    margins = " / ".join(f"{margin:g}" for margin in dict.fromkeys(frame["margin"]))
    handles: list[Artist] = []
    if frame["keeps"].any():
        handles.append(style.marker("o", f"keeps {margins} % (after Holm)", size=rows.DOT))
    if not frame["keeps"].all():
        handles.append(style.marker("o", f"not shown to keep {margins} %", size=rows.DOT, hollow=True))
    if (frame["n_seeds"] > 1).any():
        level = " / ".join(f"{level * PERCENT:g}" for level in dict.fromkeys(frame["confidence"]))
        handles += [
            style.segment(interval_name(frame)),
            style.marker("|", f"one-sided {level} % lower bound", style.GREY, 6, edge=1.0),
        ]
    handles.append(style.segment(f"margin: {margins} %", style.INK, style.DOTS))
    handles.append(style.segment("the teacher", style.INK, style.DASHES))
    return handles
