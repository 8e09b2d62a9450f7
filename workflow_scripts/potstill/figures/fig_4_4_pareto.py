"""Quality against latency, with the Pareto front: the models that no other beats in both."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from potstill.figures.data import Data, quality, table, with_measure
from potstill.figures.scatter import draw_scatter
from potstill.plan.specs.figure import FigureSettings

COST = "latency_ms_p50"


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task, model and method; scores in percent, latency in ms."""
    file = "benchmarks.parquet"
    measured = table(data, "collected_benchmarks", file, ["task", "role", "student", COST], finite=[COST])
    frame = with_measure(quality(data), measured, COST, data["collected_benchmarks"] / file)
    frame["on_front"] = False
    for _, of_task in frame.groupby("task"):
        frame.loc[of_task.index, "on_front"] = on_front(of_task[COST].to_numpy(), of_task["mean"].to_numpy())
    return draw_scatter(frame, COST, settings), frame


def on_front(cost: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Which of n points are Pareto optimal: none other is as good on both scales and better on one. bool [n]."""
    cheaper = (cost[:, None] <= cost) & (quality[:, None] >= quality)  # [other, point]
    better = (cost[:, None] < cost) | (quality[:, None] > quality)
    return np.logical_not(np.any(cheaper & better, axis=0))
