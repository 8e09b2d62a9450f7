"""Quality against size: the primary metric over the number of parameters, students and teacher."""

import pandas as pd
from matplotlib.figure import Figure

from potstill.figures.data import Data, quality, table, with_measure
from potstill.figures.scatter import draw_scatter
from potstill.plan.specs.figure import FigureSettings


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task, model and method; scores in percent."""
    runs = table(data, "collected", "runs.parquet", ["task", "role", "student", "parameters"], finite=["parameters"])
    frame = with_measure(quality(data), runs, "parameters", data["collected"] / "runs.parquet")
    return draw_scatter(frame, "parameters", settings), frame
