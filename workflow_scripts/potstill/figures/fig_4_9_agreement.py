"""Where student and teacher are right and wrong together: what is learned, unlearned, inherited, found alone."""

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from potstill.figures import rows, style
from potstill.figures.data import PERCENT, Data, table
from potstill.plan.specs.figure import FigureSettings

# In the order of the bar: what the student gets right lies left of what it gets wrong. Colours of Okabe and Ito, of
# which neighbours differ in lightness as well.
SHARES = {
    "both_right": ("both right", "#56B4E9"),
    "only_student": ("only the student right", "#007A5A"),
    "unlearned": ("only the teacher right", "#F0C04A"),
    "inherited": ("both wrong, the same answer", "#C14F00"),
    "both_wrong_differently": ("both wrong, different answers", "#A9A9A9"),
}
DARK = {"only_student", "inherited"}  # colours that carry white numbers
NARROWEST = 0.075  # share of the axis that has room for a number
HALF = 0.36  # rows: half the height of a bar


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a task, student, method and seed (`mean` over seeds), percent."""
    keys = ["task", "student", "method", "variant"]
    frame = table(data, "error_analysis", "agreement.parquet", [*keys, "seed", *SHARES], finite=list(SHARES))
    frame[list(SHARES)] *= PERCENT
    means = frame.groupby(keys, sort=False, as_index=False)[list(SHARES)].mean()
    tasks = list(dict.fromkeys(means["task"]))
    names = rows.grouped(means[["student", "method"]].itertuples(index=False, name=None), settings)
    figure, panels = rows.row_panels(settings, names, [style.label(task, settings) for task in tasks])
    columns = style.columns_that_fit(settings, len(tasks))
    narrowest = NARROWEST * PERCENT * columns * style.WIDTH["double"] / style.WIDTH[settings.width]
    for axes, task in zip(panels, tasks, strict=True):
        axes.grid(visible=False)
        for bar in means[means["task"] == task].itertuples():
            row, left = names.places[bar.student, bar.method], 0.0
            for name, (_, colour) in SHARES.items():
                share = getattr(bar, name)
                axes.barh(row, share, 2 * HALF, left, color=colour, edgecolor="white", linewidth=0.6)
                if share >= narrowest:
                    look = "white" if name in DARK else style.INK
                    axes.text(left + share / 2, row, f"{share:.0f}", ha="center", va="center", color=look)
                left += share
        several = frame[(frame["task"] == task) & (frame.groupby(keys)["seed"].transform("nunique") > 1)]
        for seed in several.itertuples():
            row, right = names.places[seed.student, seed.method], seed.both_right + seed.only_student
            axes.plot([right, right], [row + HALF, row + HALF + 0.14], color=style.INK, linewidth=0.8)
        axes.set_xlim(0, PERCENT)
        axes.set_xlabel(style.axis_label(settings.x_label))
    style.finish(figure, _handles(frame, keys))
    every = frame.assign(seed=frame["seed"].astype(str))
    return figure, pd.concat([means.assign(seed="mean"), every], ignore_index=True)[[*keys, "seed", *SHARES]]


def _handles(frame: pd.DataFrame, keys: list[str]) -> list[Artist]:
    handles: list[Artist] = [
        Patch(color=colour, linewidth=0, label=text) for name, (text, colour) in SHARES.items() if frame[name].any()
    ]
    if (frame.groupby(keys)["seed"].nunique() > 1).any():
        handles.append(style.marker("|", "the student's score, one seed", style.INK, 4, edge=0.8))
    return handles
