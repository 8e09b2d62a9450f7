"""Heat maps of a method's grid over temperature and alpha: the mean test score of each cell, and which one was chosen."""

import json
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from potstill.errors import ArtefactError
from potstill.figures import style
from potstill.figures.data import PERCENT, Data, table
from potstill.plan.specs.figure import FigureSettings

PANEL = ["task", "student", "method", "other_options"]
CELL_WIDTH, WIDEST_CELL, CELL_HEIGHT = 11.5, 26.0, 9.0  # mm
SIDE, FRAME = 17.0, 22.0  # mm: labels left of a panel; its title, tick labels and axis label
SHADES = LinearSegmentedColormap.from_list("shades", ["#F7FAFC", "#6FB1DC"])  # black text is readable on all of them


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a cell, scores in percent."""
    cells = grid_cells(data)
    panels = [(map(str, names), panel) for names, panel in cells.groupby(PANEL, sort=False)]
    widest = max(panel["temperature"].nunique() for _, panel in panels)
    highest = max(panel["alpha"].nunique() for _, panel in panels)
    columns = style.columns_that_fit(settings, len(panels), CELL_WIDTH * widest + SIDE)
    # A small grid does not fill the page: the rest of the line stays empty.
    columns = max(columns, int(style.WIDTH[settings.width] // (WIDEST_CELL * widest + SIDE)))
    figure, grid = style.panels(settings, -(-len(panels) // columns), columns, CELL_HEIGHT * highest + FRAME)
    for axes in list(grid.flat)[len(panels) :]:
        axes.remove()
    several = len(set(cells["other_options"])) > 1
    for axes, ((task, student, method, other), panel) in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel)
        metric = style.label(panel["metric"].iloc[0], settings)
        where = f"{style.label(student, settings)}, {style.label(task, settings)}, {metric} (%)"
        axes.set_title(f"{style.label(method, settings)}{f', {other}' if several and other else ''}\n{where}")
        axes.set_xlabel(style.axis_label(settings.x_label))
        axes.set_ylabel(style.axis_label(settings.y_label))
    chosen = Rectangle((0, 0), 1, 1, facecolor="none", edgecolor=style.INK, linewidth=1.4, label="chosen by validation")
    spans = " to ".join(
        f"{span:.1f}" for span in sorted({round(cells["span"].min(), 1), round(cells["span"].max(), 1)})
    )
    note = (
        "Number and colour: mean test score; in brackets: mean validation score, by which a cell is chosen. The colours of a "
        f"panel span {spans} points, never less than the interval of a cell, so that what may be luck looks alike."
    )
    style.finish(figure, [chosen], note)
    return figure, cells


def grid_cells(data: Data) -> pd.DataFrame:
    """The cells of every grid: of each method with several temperatures or alphas (its other options being equal).

    Returns:
        task, student, method, other_options, variant, temperature, alpha, metric, n_seeds, validation, test (mean over
        seeds), ci_low, ci_high (of the test score), selected, span (points that the colours of its panel span); percent.

    Raises:
        ArtefactError: no method has a grid.
    """
    keys = ["task", "student", "method", "variant", "metric"]
    scores = ["validation_score", "test_score"]
    columns = [*keys, "role", "temperature", "alpha", "options", "seed", "selected", *scores]
    runs = table(data, "collected", "runs.parquet", columns, finite=["test_score"])
    runs = runs[(runs["role"] == "student") & runs["temperature"].notna() & runs["alpha"].notna()]
    runs = runs.assign(other_options=[_other_options(text) for text in runs["options"]])
    by_variant = [*keys, "other_options", "temperature", "alpha"]
    cells = runs.groupby(by_variant, sort=False, as_index=False).agg(
        n_seeds=("seed", "nunique"),
        validation=("validation_score", "mean"),
        test=("test_score", "mean"),
        selected=("selected", "first"),
    )
    points = cells.groupby(PANEL, sort=False)["variant"].transform("nunique")
    cells = cells[points > 1]
    if cells.empty:
        cure = "Leave the figure out by `figures:` in the experiment."
        raise ArtefactError(
            f"{data['collected'] / 'runs.parquet'}: no method has several temperatures or alphas. {cure}"
        )
    summary = table(data, "comparison", "summary.parquet", [*keys, "role", "ci_low", "ci_high"])
    intervals = summary[summary["role"] == "student"].drop(columns="role")
    cells = cells.merge(intervals, on=keys, how="left")
    numbers = ["validation", "test", "ci_low", "ci_high"]
    cells[numbers] *= PERCENT
    by_panel = cells.groupby(PANEL, sort=False)
    width = (cells["ci_high"] - cells["ci_low"]).groupby([cells[key] for key in PANEL]).transform("median").fillna(0)
    spread = by_panel["test"].transform("max") - by_panel["test"].transform("min")
    span = np.maximum(np.maximum(width, spread), 0.1)
    order = ["task", "student", "method", "other_options", "variant", "temperature", "alpha", "metric", "n_seeds"]
    return cells.assign(span=span)[[*order, *numbers, "selected", "span"]].reset_index(drop=True)


def _other_options(options: str) -> str:
    """A variant's options besides temperature and alpha, such as `divergence=jsd, beta=0.3`."""
    others = {name: value for name, value in json.loads(options).items() if name not in ("temperature", "alpha")}
    return ", ".join(f"{name}={value}" for name, value in others.items())


def _draw_panel(axes: Axes, panel: pd.DataFrame) -> None:
    """One grid: temperature to the right, alpha upwards, cells of equal size whatever their values."""
    temperatures, alphas = sorted(set(panel["temperature"])), sorted(set(panel["alpha"]))
    lowest, span = panel["test"].min(), panel["span"].iloc[0]
    for cell in panel.itertuples():
        x, y = temperatures.index(cell.temperature), alphas.index(cell.alpha)
        box: dict[str, Any] = {"width": 1, "height": 1, "linewidth": 0.8, "edgecolor": "white"}
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), facecolor=SHADES((cell.test - lowest) / span), **box))
        axes.text(x, y + 0.03, f"{cell.test:.1f}", ha="center", va="bottom")
        axes.text(x, y - 0.05, f"({cell.validation:.1f})", ha="center", va="top", color=style.GREY_TEXT)
        if cell.selected:
            frame: dict[str, Any] = {"width": 0.94, "height": 0.94, "linewidth": 1.4, "edgecolor": style.INK}
            axes.add_patch(Rectangle((x - 0.47, y - 0.47), facecolor="none", zorder=3, **frame))
    axes.set(xlim=(-0.5, len(temperatures) - 0.5), ylim=(-0.5, len(alphas) - 0.5))
    axes.set_xticks(range(len(temperatures)), [f"{value:g}" for value in temperatures])
    axes.set_yticks(range(len(alphas)), [f"{value:g}" for value in alphas])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
