"""Training losses, term by term, and the validation loss, over the steps of each method's selected runs."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from potstill.errors import ArtefactError
from potstill.figures import style
from potstill.figures.data import Data, table
from potstill.plan.specs.figure import FigureSettings
from potstill.tables import read_frame

BINS = 100  # points of a training curve at most: single steps are noise
ROW = 44.0  # mm
NARROWEST = 35.0  # mm
PANEL = ["task", "student", "method", "variant"]
TOTAL, VALIDATION, MEAN = "loss", "validation_loss", "mean"
THIN, THICK = 0.5, 1.4  # pt: one seed, the mean over seeds


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a point of a curve; `seed` is `mean` where it is the mean over seeds."""
    shown, longest_bin = curves(data)
    methods = list(dict.fromkeys(shown["method"]))
    columns = style.columns_that_fit(settings, len(methods), NARROWEST)
    models = dict.fromkeys(shown[["task", "student"]].itertuples(index=False, name=None))
    # A model's methods fill as many lines of panels as they need.
    lines = [(*model, methods[k : k + columns]) for model in models for k in range(0, len(methods), columns)]
    figure, grid = style.panels(settings, len(lines), columns, ROW)
    colours = style.term_colours(shown["term"], settings)
    for line, (task, student, some_methods) in zip(grid, lines, strict=True):
        where = f"{style.label(student, settings)}\n{style.label(task, settings)}"
        line[0].set_ylabel(f"{where}\n{style.axis_label(settings.y_label)}")
        for axes, method in zip(line, some_methods, strict=False):
            panel = shown[(shown["task"] == task) & (shown["student"] == student) & (shown["method"] == method)]
            draw_panel(axes, panel, colours)
            axes.set_title(style.label(method, settings))
        for axes in line[len(some_methods) :]:
            axes.remove()
    for column in grid.T:
        lowest = [axes for axes in column if axes.figure is not None][-1]
        lowest.set_xlabel(style.axis_label(settings.x_label))
    style.finish(figure, handles(shown, colours, settings), note(shown, longest_bin))
    return figure, shown


def draw_panel(axes: Axes, panel: pd.DataFrame, colours: dict[str, str]) -> None:
    """One method's curves: seeds thin, their mean thick; the validation loss dashed, a dot where it was measured."""
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: style.quantity(step)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    single = panel["seed"].nunique() == 1
    for _, curve in panel.groupby(["term", "seed"], sort=False):
        term, seed = curve["term"].iloc[0], curve["seed"].iloc[0]
        thick = single or seed == MEAN
        look: dict[str, Any] = {"linewidth": THICK, "zorder": 3} if thick else {"linewidth": THIN, "alpha": style.FAINT}
        if term == VALIDATION:
            look |= {"linestyle": style.DASHES, "marker": ".", "markersize": 4 if thick else 2}
        axes.plot(curve["step"], curve["loss"], color=colours[term], **look)


def curves(data: Data) -> tuple[pd.DataFrame, int]:
    """The curves of every selected student run, and their means over seeds.

    Training losses are means over bins of steps, the same bins for all seeds of a panel. A mean over seeds is taken
    where all of them have a value. A total that is its only term is left out.

    Returns:
        task, student, method, variant, seed, term, step, loss; and the longest bin, in steps.

    Raises:
        ArtefactError: no selected run has a history.
    """
    path = data["collected"] / "history.parquet"
    columns = [str(name) for name in read_frame(path).columns]
    terms = [TOTAL, *(name for name in columns if name.startswith("loss_")), VALIDATION]
    history = table(data, "collected", path.name, [*PANEL, "seed", "step", *terms], finite=["step"])
    runs = table(data, "collected", "runs.parquet", ["role", *PANEL, "seed", "selected"])
    selected = runs.loc[runs["selected"] & (runs["role"] == "student"), [*PANEL, "seed"]].drop_duplicates()
    history = selected.merge(history, on=[*PANEL, "seed"])
    if history.empty:
        raise ArtefactError(f"{path}: no row belongs to a selected run of runs.parquet. Make collected again.")
    parts, longest_bin = [], 1
    for _, panel in history.groupby(PANEL, sort=False):
        width = max(1, int(np.ceil(panel["step"].max() / BINS)))
        longest_bin = max(longest_bin, width)
        own_terms = [term for term in terms if panel[term].notna().any()]
        parts_of_total = [term for term in own_terms if term not in (TOTAL, VALIDATION)]
        if len(parts_of_total) == 1 and np.allclose(panel[TOTAL], panel[parts_of_total[0]], equal_nan=True):
            own_terms.remove(TOTAL)
        for term in own_terms:
            measured = panel.dropna(subset=[term])
            bins = (measured["step"] - 1) // (1 if term == VALIDATION else width)
            curve = measured.assign(bin=bins).groupby([*PANEL, "seed", "bin"], sort=False, as_index=False)
            points = curve.agg(step=("step", "mean"), loss=(term, "mean")).assign(term=term)
            parts += [points.astype({"seed": str}), mean_over_seeds(points, panel["seed"].nunique())]
    shown = pd.concat(parts, ignore_index=True)
    return shown[[*PANEL, "seed", "term", "step", "loss"]], longest_bin


def mean_over_seeds(points: pd.DataFrame, seeds: int) -> pd.DataFrame:
    """The mean of the curves of several seeds, bin by bin, where all have a value; no rows where there is one seed."""
    by_bin = points.groupby([*PANEL, "term", "bin"], sort=False, as_index=False)
    mean = by_bin.agg(step=("step", "mean"), loss=("loss", "mean"), seeds=("seed", "nunique"))
    return mean[(mean["seeds"] == seeds) & (seeds > 1)].assign(seed=MEAN)


def handles(shown: pd.DataFrame, colours: dict[str, str], settings: FigureSettings) -> list[Artist]:
    """One legend entry a term, and what thin and thick lines are."""
    entries: list[Artist] = [
        style.segment(style.label(term, settings), colours[term], style.DASHES if term == VALIDATION else "-")
        for term in dict.fromkeys(shown["term"])
    ]
    if (shown["seed"] == MEAN).any():
        entries += [style.segment("one seed", width=THIN), style.segment("mean over seeds", width=THICK)]
    return entries


def note(shown: pd.DataFrame, longest_bin: int) -> str:
    """How training losses were smoothed, and what one seed cannot show."""
    smoothed = f"Training losses: means over up to {longest_bin} steps." if longest_bin > 1 else ""
    single = "" if (shown["seed"] == MEAN).any() else "One seed: how much training varies is not known."
    return f"{smoothed} {single}".strip()
