"""Table 4.7: how models of one task do on the test sets of others."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import Table, p_value, percent, rows, span, with_interval, without_repeats
from potstill.tables import read_frame

MODEL = ["task", "role", "student", "method", "variant"]
COLUMNS = [
    "task", "test_task", "model", "method", "variant", "metric", "seeds", "n", "mean", "ci_low", "ci_high", "difference",
    "difference_low", "difference_high", "p", "p_adjusted", "own_mean", "own_ci_low", "own_ci_high",
    "n_seen",
]  # fmt: skip


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row per model and test task, its own one included; LaTeX shows the others, with the own score beside."""
    summary = read_frame(folders["transfer"] / "transfer_summary.parquet")
    own = summary[summary.task == summary.test_task].set_index(MODEL)[["mean", "ci_low", "ci_high"]]
    data = summary.join(own.add_prefix("own_"), on=MODEL)
    # Own test sets first, then others; within each the teacher first, then students and methods in the grid's order.
    order = pd.DataFrame(
        {
            "task": data.task.map(list(dict.fromkeys(data.task)).index),
            "other": data.test_task != data.task,
            "test_task": data.test_task.map(list(dict.fromkeys(data.test_task)).index),
            "student": data.role != "teacher",
        }
    )
    data = data.loc[order.sort_values(["task", "other", "test_task", "student"], kind="stable").index]
    data = data.rename(columns={"student": "model", "n_seeds": "seeds", "n_examples": "n"})[COLUMNS]
    data = data.reset_index(drop=True)
    others = data[data.test_task != data.task]
    constants = read_frame(folders["transfer"] / "transfer_baselines.parquet")
    floors = constants.groupby(["test_task", "metric"]).score.max()
    level = f"{100 * summary.confidence.iloc[0]:g}"
    return Table(data, _shown(others, digits), _caption(others, floors, level, digits), heading="Tasks")


def _shown(data: pd.DataFrame, digits: int) -> pd.DataFrame:
    cells = [
        {
            "Tasks": f"trained on {row.task}, tested on {row.test_task}",
            "Model": row.model,
            "Method": row.method,
            "Own test set (%)": with_interval(row.own_mean, row.own_ci_low, row.own_ci_high, digits),
            "Other test set (%)": with_interval(row.mean, row.ci_low, row.ci_high, digits),
            "Difference": with_interval(row.difference, row.difference_low, row.difference_high, digits, signed=True),
            "p adj.": p_value(row.p_adjusted),
        }
        for row in rows(data)
    ]
    return without_repeats(pd.DataFrame(cells), ["Tasks", "Model"]).assign(Tasks=[cell["Tasks"] for cell in cells])


def _caption(data: pd.DataFrame, floors: "pd.Series[float]", level: str, digits: int) -> str:
    tests = ", ".join(
        f"{row.test_task}: n = {row.n}, {percent(floors[row.test_task, row.metric], digits)} % by always answering the same"
        for row in rows(data.drop_duplicates("test_task"))
    )
    seen = "".join(
        f" {row.n_seen} of the {row.n} test examples of {row.test_task} are among those that the models of {row.task} were "
        "trained on or selected by."
        for row in rows(data[data.n_seen > 0].drop_duplicates(["task", "test_task"]))
    )
    metrics = ", ".join(dict.fromkeys(data.metric))
    seeds = data[data.method != "teacher"].seeds
    alone = " With one seed they cover other examples only." if (seeds == 1).any() else ""
    return (
        f"Scores ({metrics}) on the test set of the task that a model was made for, and on those of other tasks ({tests}), for "
        f"which nothing was trained or selected: mean over {span(seeds)} seed(s) of the variant that the own validation set "
        f"selects. Brackets: {level} % interval over other seeds and other examples of the same test set.{alone} "
        "Difference: from the baseline there, in points, with the comparison's two-way test; exploratory, "
        "p adj. by Benjamini-Hochberg within each test set."
        f"{seen}"
    )
