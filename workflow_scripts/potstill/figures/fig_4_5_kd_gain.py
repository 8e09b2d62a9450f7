"""Forest plot: what each method gains over the baseline, and the smallest gain that this design could have seen.

The confirmatory contrasts come first, student by student. Exploratory contrasts between methods stand apart below them,
hollow: they were not promised before the run. Further exploratory ones (other variants and metrics) are counted only.
"""

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from potstill.errors import ArtefactError
from potstill.figures import rows, style
from potstill.figures.data import PERCENT, Data, interval_name, quality, seeds_note, table
from potstill.p_values import p_value_text
from potstill.plan.specs.figure import FigureSettings

BAND = 0.34  # rows: half the height of a band
POINTS = ["difference", "ci_low", "ci_high", "mde"]


def draw(data: Data, settings: FigureSettings) -> tuple[Figure, pd.DataFrame]:
    """The figure, and what it shows: one row a contrast, in points of the primary metric.

    With one seed there is neither interval nor detectable effect: both would leave out how much training varies.
    """
    frame, left_out = contrasts(data)
    frame = frame.assign(
        group=[_group(contrast, settings) for contrast in frame.itertuples()],
        item=[_item(contrast, settings) for contrast in frame.itertuples()],
    )
    tasks = list(dict.fromkeys(frame["task"]))
    names = rows.grouped(frame[["group", "item"]].itertuples(index=False, name=None), settings)
    colours = style.method_colours([*frame["method"], *frame["other"]], settings)
    figure, panels = rows.row_panels(settings, names, [style.label(task, settings) for task in tasks])
    for axes, task in zip(panels, tasks, strict=True):
        axes.axvline(0, color=style.INK, linewidth=0.8)
        of_task = frame[frame["task"] == task]
        for gain in of_task.itertuples():
            row, colour = names.places[gain.group, gain.item], colours[gain.method]
            if pd.notna(gain.mde):
                axes.fill_betweenx([row - BAND, row + BAND], -gain.mde, gain.mde, color=style.LIGHT, linewidth=0)
            axes.hlines(row, gain.ci_low, gain.ci_high, color=colour, linewidth=rows.INTERVAL)
            rows.dot(axes, gain.difference, row, colour, hollow=gain.role == "exploratory")
        confirmatory = of_task.loc[of_task["role"] == "confirmatory", "other"]
        baseline = " / ".join(style.label(name, settings) for name in dict.fromkeys(confirmatory))
        axes.set_xlabel(style.axis_label(settings.x_label, baseline=baseline))
        axes.margins(x=0.06)
        if settings.width == "double" and len(tasks) == 1:
            texts = {names.places[gain.group, gain.item]: _text(gain) for gain in of_task.itertuples()}
            several = (of_task["n_seeds"] > 1).any()
            rows.beside(axes, names, "points [interval], adjusted p" if several else "points", texts)
    style.finish(figure, _handles(frame), _note(frame, left_out))
    return figure, frame.drop(columns=["group", "item"])


def contrasts(data: Data) -> tuple[pd.DataFrame, int]:
    """The contrasts between selected variants by the primary metric, the confirmatory ones first, and how many others.

    Returns:
        task, student, role, method, variant, other, other_variant, metric, difference, ci_low, ci_high, mde (points),
        p_adjusted, adjustment, test, n_seeds, confidence.

    Raises:
        ArtefactError: there is no confirmatory contrast.
    """
    keys = ["task", "student", "role", "method", "variant", "other", "other_variant", "metric"]
    columns = [*keys, *POINTS, "p_adjusted", "adjustment", "test", "n_seeds", "confidence"]
    all_of_them = table(data, "comparison", "contrasts.parquet", columns, finite=["difference"])
    chosen = quality(data)
    selected = set(chosen[["task", "student", "method", "variant", "metric"]].itertuples(index=False, name=None))
    sides = all_of_them[["task", "student", "method", "variant", "other", "other_variant", "metric"]]
    drawn = [
        (task, student, method, variant, metric) in selected
        and (task, student, other, other_variant, metric) in selected
        for task, student, method, variant, other, other_variant, metric in sides.itertuples(index=False, name=None)
    ]
    frame = all_of_them[drawn].sort_values("role", key=lambda role: role != "confirmatory", kind="stable")
    if not (frame["role"] == "confirmatory").any():
        path = data["comparison"] / "contrasts.parquet"
        raise ArtefactError(f"{path}: no confirmatory contrast between selected variants. Make comparison again.")
    frame[POINTS] *= PERCENT
    frame.loc[frame["n_seeds"] < 2, POINTS[1:]] = float("nan")
    return frame.reset_index(drop=True), len(all_of_them) - len(frame)


def _group(contrast: Any, settings: FigureSettings) -> str:
    """The heading that a contrast stands under."""
    student = style.label(contrast.student, settings)
    return f"{student}, exploratory" if contrast.role == "exploratory" else student


def _item(contrast: Any, settings: FigureSettings) -> str:
    """A confirmatory contrast is named by its method, as the axis names the baseline; an exploratory one by both."""
    method = style.label(contrast.method, settings)
    if contrast.role == "confirmatory":
        return method
    return f"{method} \N{MINUS SIGN} {style.label(contrast.other, settings)}"


def _text(gain: Any) -> str:
    text = rows.estimate(gain.difference, gain.ci_low, gain.ci_high, sign=True)
    if gain.n_seeds < 2:
        return text
    p = p_value_text(gain.p_adjusted)
    return f"{text}, p {'' if p.startswith('<') else '= '}{p.replace('<', '< ')}"


def _handles(frame: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = [style.marker("o", "confirmatory", size=rows.DOT)]
    if (frame["role"] == "exploratory").any():
        handles.append(style.marker("o", "exploratory", size=rows.DOT, hollow=True))
    if (frame["n_seeds"] > 1).any():
        handles.append(style.segment(interval_name(frame)))
    if frame["mde"].notna().any():
        handles.append(Patch(color=style.LIGHT, label="smaller than the minimum detectable effect"))
    return handles


def _note(frame: pd.DataFrame, left_out: int) -> str:
    further = f"{left_out} further exploratory contrasts (other variants, other metrics) stand in table 4.3."
    return f"{further if left_out else ''} {seeds_note(frame['n_seeds'])}".strip()
