"""Table 4.2: the grid over temperature T and weight alpha of the distillation term."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import MISSING, Table, percent, rows, span, with_interval
from potstill.tables import read_frame

KEYS = ["task", "student", "method", "variant"]
COLUMNS = [
    "task", "metric", "model", "method", "variant", "temperature", "alpha", "other", "selected", "seeds", "n", "mean",
    "ci_low", "ci_high", "sd_seeds", "validation_mean",
]  # fmt: skip
MOST_INTERVALS = 5  # as many columns with intervals fit on A4


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """Every point of every method that has a temperature and an alpha; alpha goes across in LaTeX, up to five with intervals."""
    summary = read_frame(folders["comparison"] / "summary.parquet")
    runs = read_frame(folders["collected"] / "runs.parquet")
    runs = runs[(runs.role == "student") & runs.temperature.notna() & runs.alpha.notna()]
    points = runs.drop_duplicates(KEYS)[[*KEYS, "temperature", "alpha", "options"]]
    points = points.assign(other=_other_options(points))
    data = points.merge(summary[summary.primary & (summary.role == "student")], on=KEYS, how="inner")
    data = data.rename(columns={"student": "model", "n_seeds": "seeds", "n_examples": "n", "sd": "sd_seeds"})[COLUMNS]
    if data.empty:
        return Table(data, data.astype(str), "No method of this experiment has both a temperature T and an alpha.")
    narrow = data.alpha.nunique() > MOST_INTERVALS
    return Table(data, _shown(data, digits, narrow), _caption(data, summary, narrow), heading="Grid")


def _other_options(points: pd.DataFrame) -> list[str]:
    """The options besides T and alpha that vary within a method, such as `divergence=jsd`."""
    options = [json.loads(text) for text in points.options]
    values: dict[tuple[str, str], set[str]] = {}
    for method, chosen in zip(points.method, options, strict=True):
        for key, value in chosen.items():
            values.setdefault((method, key), set()).add(json.dumps(value))
    return [
        ", ".join(
            f"{key}={value}"
            for key, value in sorted(chosen.items())
            if key not in ("temperature", "alpha") and len(values[method, key]) > 1
        )
        for method, chosen in zip(points.method, options, strict=True)
    ]


def _shown(data: pd.DataFrame, digits: int, narrow: bool) -> pd.DataFrame:
    cells = pd.DataFrame(
        {
            "Grid": data.task
            + " ("
            + data.metric
            + "): "
            + data.model
            + ", "
            + data.method
            + data.other.map(lambda other: f", {other}" if other else ""),
            "T": data.temperature.map("{:g}".format),
            "alpha": data.alpha.map("alpha = {:g}".format),
            "cell": [
                (percent(row.mean, digits) if narrow else with_interval(row.mean, row.ci_low, row.ci_high, digits))
                + ("*" if row.selected else "")
                for row in rows(data)
            ],
        }
    )
    index = ["Grid", "T"]
    alphas = cells.alpha[data.alpha.sort_values(kind="stable").index].unique()
    order = pd.MultiIndex.from_frame(cells[index].drop_duplicates())
    # A grid may list several students' points in any order: rows keep that order, alphas ascend.
    wide = cells.pivot(index=index, columns="alpha", values="cell").reindex(index=order, columns=alphas)
    return wide.fillna(MISSING).reset_index().rename_axis(columns=None)


def _caption(data: pd.DataFrame, summary: pd.DataFrame, narrow: bool) -> str:
    tests = ", ".join(f"{task}: n = {n}" for task, n in data.groupby("task", sort=False).n.first().items())
    level = f"{100 * summary.confidence.iloc[0]:g}"
    one = " With one seed it covers other examples only." if (data.seeds == 1).any() else ""
    half = 50 * (data.ci_high - data.ci_low).median()
    interval = (
        f"their {level} % interval over other seeds and other test examples reaches about {half:.1f} points either way"
    )
    if not narrow:
        interval = f"brackets: {level} % interval over other seeds and other test examples"
    return (
        f"Test scores in % ({tests}) for each temperature T and weight alpha of the distillation term, mean over "
        f"{span(data.seeds)} seed(s); {interval}.{one} "
        "*: chosen by its validation score; the test scores of the others are shown, not used."
    )
