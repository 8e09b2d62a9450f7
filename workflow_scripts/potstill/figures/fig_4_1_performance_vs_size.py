"""Quality against size: the primary metric over the number of parameters, and what share of the teacher's is enough."""

import pandas as pd
from matplotlib.figure import Figure

from potstill.figures.data import Data, floors, quality, single_seeds, table, with_measure
from potstill.figures.scatter import draw_scatter
from potstill.plan.specs.figure import FigureSettings


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows, in percent: rows `mean`, `seed`, and `floor`, the least that keeps the margin."""
    runs = table(data, "collected", "runs.parquet", ["task", "role", "student", "parameters"], finite=["parameters"])
    path = data["collected"] / "runs.parquet"
    frame = with_measure(quality(data), runs, "parameters", path)
    seeds, kept = single_seeds(data), floors(data)
    figure = draw_scatter(frame, "parameters", settings, seeds, kept)
    singles = with_measure(seeds.rename(columns={"score": "value"}), runs, "parameters", path)
    lines = kept.rename(columns={"floor": "value"}).assign(shown="floor")
    means = frame.rename(columns={"mean": "value"}).assign(shown="mean")
    shown = pd.concat([means, singles.assign(shown="seed"), lines], ignore_index=True)
    order = ["task", "role", "student", "method", "variant", "metric", "parameters", "shown", "seed", "margin"]
    integers = {"seed": "Int64", "n_seeds": "Int64", "parameters": "Int64"}
    return figure, shown[[*order, "value", "ci_low", "ci_high", "n_seeds", "confidence"]].astype(integers)
