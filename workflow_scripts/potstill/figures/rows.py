"""Panels whose vertical axis lists names, one row each: long names stay readable and need no legend.

After Cleveland's dot plot: positions on a common scale, which may be logarithmic (bars would need a zero).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from potstill.figures import style
from potstill.figures.data import interval_name
from potstill.plan.specs.figure import FigureSettings

ROW = 5.4  # mm
LETTERS = {"single": 20, "double": 34}  # of a label's line
FRAME = 16.0  # mm: a panel's title, tick labels and axis label
BESIDE = "beside"  # label of the axes that hold texts beside rows
INTERVAL, DOT, SEED = 1.6, 5.0, 2.6  # pt: line width, marker size of a mean, of one seed


@dataclass(frozen=True)
class Rows:
    """Rows from top to bottom: their labels, which of them are headings, and the row of each (group, item)."""

    labels: tuple[str, ...]
    headings: tuple[bool, ...]
    places: dict[tuple[str, str], int]


def grouped(pairs: Iterable[tuple[str, str]], settings: FigureSettings) -> Rows:
    """One row a pair (group, item), under a heading for each group; both in the order of their first appearance."""
    groups: dict[str, list[str]] = {}
    for group, item in pairs:
        if item not in groups.setdefault(group, []):
            groups[group].append(item)
    labels: list[str] = []
    headings: list[bool] = []
    places = {}
    for group, items in groups.items():
        labels += [style.label(group, settings), *(style.label(item, settings) for item in items)]
        headings += [True, *(False for _ in items)]
        places.update({(group, item): len(labels) - len(items) + k for k, item in enumerate(items)})
    return Rows(tuple(labels), tuple(headings), places)


def models(pairs: Iterable[tuple[str, str]], settings: FigureSettings) -> Rows:
    """One row a pair (role, model), the teacher named as such; in the order of their first appearance."""
    unique = list(dict.fromkeys(pairs))
    labels = [style.label(name, settings) + (" (teacher)" if role == "teacher" else "") for role, name in unique]
    return Rows(tuple(labels), (False,) * len(unique), {pair: place for place, pair in enumerate(unique)})


def row_panels(
    settings: FigureSettings, rows: Rows, titles: Sequence[str], columns: int | None = None
) -> tuple[Figure, list[Axes]]:
    """A panel for each title, all with the same rows; `columns` side by side, or as many as the width allows.

    Returns:
        The figure, and its axes in the order of the titles; rows are at 0, 1, 2 ... from the top.
    """
    columns = columns or style.columns_that_fit(settings, len(titles))
    lines = -(-len(titles) // columns)
    labels = [style.wrapped(label, LETTERS[settings.width]) for label in rows.labels]
    most_lines = 1 + max(label.count("\n") for label in labels)
    line = 1.25 * (settings.font_size - 0.5) * style.POINT
    height = max(ROW, line * most_lines + 1.8) * len(labels) + FRAME
    figure, grid = style.panels(settings, lines, columns, height)
    for place, axes in enumerate(grid.flat):
        if place >= len(titles):
            axes.remove()
            continue
        axes.set_title(titles[place])
        # As many ticks before and after the layout: a label that came later could be cut off.
        ticks = style.ticks_that_fit(settings, columns)
        axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(labels) - 0.4, -0.75)
        axes.set_yticks(range(len(labels)), labels if place % columns == 0 else [""] * len(labels))
        for tick, heading in zip(axes.get_yticklabels(), rows.headings, strict=True):
            tick.set_fontweight("bold" if heading else "normal")
        for row, heading in enumerate(rows.headings):
            if not heading:
                axes.axhline(row, color=style.LIGHT, linewidth=0.5, zorder=0)
    return figure, list(grid.flat)[: len(titles)]


def beside(axes: Axes, rows: Rows, heading: str, texts: Mapping[int, str]) -> None:
    """Write a text to the right of rows, under a `heading` on the first line."""
    twin = axes.twinx()
    twin.set_label(BESIDE)
    twin.set_ylim(axes.get_ylim())
    at = {0: heading, **texts} if rows.headings[0] else dict(texts)
    twin.set_yticks(list(at), list(at.values()))
    twin.tick_params(axis="y", length=0, labelcolor=style.INK)
    for spine in twin.spines.values():
        spine.set_visible(False)


def estimate(at: float, low: float, high: float, sign: bool = False) -> str:
    """An estimate with its interval, such as +2.1 [-0.3, 4.5]; without one where it is NaN."""
    text = f"{at:+.1f}" if sign else f"{at:.1f}"
    if low == low:
        text += f" [{low:.1f}, {high:.1f}]"
    return text.replace("-", "\N{MINUS SIGN}")


def dot(axes: Axes, at: float, row: float, colour: str, hollow: bool = False) -> None:
    """A mean, or a difference of means; `hollow` where the figure's legend says so."""
    look: dict[str, Any] = {
        "markerfacecolor": "white" if hollow else colour,
        "markeredgecolor": colour,
        "markeredgewidth": 1.0,
    }
    axes.plot(at, row, marker="o", markersize=DOT - 1.0, color=colour, **look)


def value_axis(axes: Axes, values: Iterable[float], settings: FigureSettings, columns: int) -> None:
    """The axis of `columns` panels side by side whose dots carry their value: room for half a number at either end."""
    half = 10 * style.POINT / (0.5 * style.WIDTH[settings.width] / columns)
    style.value_axis(axes, values, style.ticks_that_fit(settings, columns), max(0.06, half), zero=True)


def value(axes: Axes, at: float, row: int, text: str) -> None:
    """Write a value above its dot."""
    axes.annotate(
        text, (at, row), (0, 3.5), textcoords="offset points", ha="center", va="bottom", annotation_clip=False
    )


def dot_name(students: pd.DataFrame) -> str:
    """What a legend calls the large dots."""
    return "mean over seeds" if (students["n_seeds"] > 1).any() else "score"


def handles_beside(means: pd.DataFrame, teacher: str, settings: FigureSettings) -> list[Artist]:
    """Legend entries of what stands beside the dots: intervals and single seeds, where there are several, and the teacher.

    Args:
        means: rows of `data.quality`, the teachers' among them.
        teacher: colour of the teacher's line.
    """
    students = means[means["role"] == "student"]
    handles: list[Artist] = []
    if (students["n_seeds"] > 1).any():
        handles += [style.segment(interval_name(students)), style.marker("o", "one seed", size=SEED, alpha=style.FAINT)]
    for name in dict.fromkeys(means.loc[means["role"] == "teacher", "student"]):
        handles.append(style.segment(f"{style.label(name, settings)} (teacher)", teacher, style.DASHES))
    return handles
