"""What a temperature does to the teacher: how soft its distributions over the classes become, example by example."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from scipy.special import entr, softmax

from potstill.errors import ArtefactError
from potstill.figures import style
from potstill.figures.data import Data, table
from potstill.plan.specs.figure import FigureSettings

ROW = 48.0  # mm
POINTS = 61  # of a curve
LOWEST, HIGHEST = 0.5, 10.0  # temperatures that are shown in any case
QUANTITIES = {"entropy": "Entropy (nats)", "top_probability": "Top probability"}
BAND = 0.18  # opacity


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task and temperature; `in_grid` where a run was distilled at it."""
    logits, without = teacher_logits(data)
    grids = grid_temperatures(data)
    shown = pd.concat(
        [softened(values, grids.get(task, [])).assign(task=task) for task, values in logits.items()], ignore_index=True
    )
    figure, axes = style.panels(settings, len(logits), len(QUANTITIES), ROW)
    for line, (task, values) in zip(axes, logits.items(), strict=True):
        classes = values.shape[1]
        for panel, (quantity, name) in zip(line, QUANTITIES.items(), strict=True):
            uniform = np.log(classes) if quantity == "entropy" else 1 / classes
            _draw_panel(panel, shown[shown["task"] == task], quantity, uniform)
            panel.set_xlabel(style.axis_label(settings.x_label))
            panel.set_ylabel(style.axis_label(settings.y_label, quantity=name))
        line[0].set_title(f"{style.label(task, settings)}: {classes} classes, {len(values)} examples")
    style.finish(figure, _handles(shown), _note(without, settings))
    order = ["task", "temperature", "in_grid"]
    return figure, shown[[*order, *(name for name in shown.columns if name not in order)]]


def teacher_logits(data: Data) -> tuple[dict[str, np.ndarray], list[str]]:
    """The teacher's logits [examples, classes] on each classification's test split, and tasks without any.

    Raises:
        ArtefactError: no task has logits of its teacher.
    """
    path = data["collected"] / "answers.parquet"
    answers = table(data, "collected", path.name, ["task", "role", "label", "logits"], finite=["label"])
    classified = answers[(answers["role"] == "teacher") & (answers["label"] >= 0)]
    found, without = {}, []
    for task in dict.fromkeys(answers["task"]):
        rows = [row for row in classified.loc[classified["task"] == task, "logits"] if len(row) > 1]
        if rows:
            found[str(task)] = np.stack(rows).astype(float)
        else:
            without.append(str(task))
    if not found:
        cure = "Leave the figure out by `figures:` in the experiment."
        raise ArtefactError(f"{path}: no label logits of the teacher, so there is nothing to draw. {cure}")
    return found, without


def grid_temperatures(data: Data) -> dict[str, list[float]]:
    """The temperatures at which runs of each task were distilled."""
    runs = table(data, "collected", "runs.parquet", ["task", "temperature"]).dropna()
    return {str(task): sorted(set(values)) for task, values in runs.groupby("task")["temperature"]}


def softened(logits: np.ndarray, grid: list[float]) -> pd.DataFrame:
    """Mean and quartiles over examples of what softmax(logits / T) is like, for T on a curve and on the grid.

    Args:
        logits: [examples, classes].

    Returns:
        temperature, in_grid; of `entropy` (nats) and `top_probability`: the mean, `_q25` and `_q75`; `other_mass`, the
        mean probability outside the top class ("dark knowledge", Hinton et al. 2015).
    """
    curve = np.geomspace(LOWEST, max([HIGHEST, *(1.2 * value for value in grid)]), POINTS)
    rows = []
    for temperature in sorted({*curve, *grid}):
        probabilities = softmax(logits / temperature, axis=1)
        values = {"entropy": entr(probabilities).sum(axis=1), "top_probability": probabilities.max(axis=1)}
        row: dict[str, Any] = {"temperature": temperature, "in_grid": temperature in grid}
        for name, of_examples in values.items():
            low, high = np.quantile(of_examples, [0.25, 0.75])
            row |= {name: of_examples.mean(), f"{name}_q25": low, f"{name}_q75": high}
        rows.append(row | {"other_mass": 1 - row["top_probability"]})
    return pd.DataFrame(rows)


def _draw_panel(axes: Axes, shown: pd.DataFrame, quantity: str, uniform: float) -> None:
    axes.grid()
    axes.set_xscale("log")
    low, high = shown["temperature"].min(), shown["temperature"].max()
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in (0.5, 1, 2, 4, 8, 16, 32, 64) if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.axhline(uniform, color=style.INK, linewidth=0.9, linestyle=style.DASHES)
    quartiles = shown[f"{quantity}_q25"], shown[f"{quantity}_q75"]
    axes.fill_between(shown["temperature"], *quartiles, color=style.MODEL, alpha=BAND, linewidth=0)
    axes.plot(shown["temperature"], shown[quantity], color=style.MODEL, linewidth=1.4)
    used = shown[shown["in_grid"]]
    look: dict[str, Any] = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6, "clip_on": False}
    axes.plot(used["temperature"], used[quantity], "o", color="#D55E00", zorder=4, **look)
    axes.set_ylim(0, 1.06 * uniform if quantity == "entropy" else 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(4))  # as many before and after the layout, or labels move into one another


def _handles(shown: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = [
        style.segment("mean over examples", style.MODEL),
        Patch(color=style.MODEL, alpha=BAND, linewidth=0, label="middle half of the examples"),
        style.segment("all classes equally likely", style.INK, style.DASHES),
    ]
    if shown["in_grid"].any():
        handles.insert(2, style.marker("o", "temperature of a run", "#D55E00"))
    return handles


def _note(without: list[str], settings: FigureSettings) -> str:
    if not without:
        return ""
    return f"Not shown, as the teacher gave no distribution over classes: {', '.join(style.label(t, settings) for t in without)}."
