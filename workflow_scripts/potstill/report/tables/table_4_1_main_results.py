"""Table 4.1: what the teacher, constant answers and every student reached on each task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from potstill.report.table import Table, number, rows, shortened, span, with_interval
from potstill.tables import read_frame

KEYS = ["task", "role", "student", "method", "variant"]
COLUMNS = [
    "task", "metric", "model", "method", "variant", "trials", "seeds", "n", "mean", "ci_low", "ci_high", "tied",
    "sd_seeds", "retention", "retention_ci_low", "retention_ci_high", "parameters_millions", "train_seconds", "kept",
]  # fmt: skip
TIED = "†"


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """The selected variants: per task and metric the teacher, the constant answers, then the students."""
    summary = read_frame(folders["comparison"] / "summary.parquet")
    contrasts = read_frame(folders["comparison"] / "contrasts.parquet")
    runs = read_frame(folders["collected"] / "runs.parquet")
    constants = read_frame(folders["collected"] / "baselines.parquet")
    costs = runs.groupby(KEYS).agg(
        parameters=("parameters", "mean"), train_seconds=("train_seconds", "mean"), kept=("kept", "any")
    )
    chosen = summary[summary.selected].merge(costs, left_on=KEYS, right_index=True)
    parts = []
    for (task, metric), part in chosen.groupby(["task", "metric"], sort=False):
        here = constants[(constants.task == task) & (constants.metric == metric)]
        parts += [
            part[part.role == "teacher"],
            _constant_rows(here, part.n_examples.iloc[0]),
            part[part.role != "teacher"],
        ]
    table = pd.concat(parts, ignore_index=True)
    data = table.rename(columns={"student": "model", "n_seeds": "seeds", "n_examples": "n", "sd": "sd_seeds"})
    data["parameters_millions"] = data.parameters / 1e6
    data = data[COLUMNS]
    return Table(data, _shown(data, digits), _caption(data, summary, contrasts), heading="Model")


def _constant_rows(constants: pd.DataFrame, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": constants.task,
            "metric": constants.metric,
            "role": "constant",
            "student": "constant answer",
            "method": constants.baseline,
            "variant": constants.answer.where(constants.answer != "", "(empty)"),
            "n_examples": n,
            "mean": constants.score,
            "tied": False,
            "kept": False,
        }
    )


def _shown(data: pd.DataFrame, digits: int) -> pd.DataFrame:
    cells = [
        {
            "Model": _heading(row),
            "Method": row.method + ("*" if row.kept else "") + (TIED if row.tied else ""),
            "Variant": shortened(row.variant, 20),
            "Trials": _of_student(row, row.trials),
            "Seeds": _of_student(row, row.seeds),
            "Score (%)": with_interval(row.mean, row.ci_low, row.ci_high, digits),
            "SD": number(100 * row.sd_seeds, digits),
            "Retention (%)": "100"
            if row.method == "teacher"
            else with_interval(row.retention, row.retention_ci_low, row.retention_ci_high, digits),
        }
        for row in rows(data)
    ]
    return pd.DataFrame(cells)


def _of_student(row: Any, count: float) -> str:
    """A count that neither a teacher nor a constant answer has."""
    return "" if row.method == "teacher" or pd.isna(count) else number(count, 0)


def _heading(row: Any) -> str:
    """What stands above a model's rows."""
    task = f"{row.task} ({row.metric})"
    size = "" if pd.isna(row.parameters_millions) else f", {row.parameters_millions:.1f} M parameters"
    return f"{task}: {row.model}{size}"


def _caption(data: pd.DataFrame, summary: pd.DataFrame, contrasts: pd.DataFrame) -> str:
    students = data[data.seeds.notna() & (data.method != "teacher")]
    tests = ", ".join(f"{task}: n = {n}" for task, n in data.groupby("task", sort=False).n.first().items())
    level = f"{100 * summary.confidence.iloc[0]:g}"
    sentences = [
        f"Test scores ({tests}) as the mean over seeds (per row: {span(students.seeds.astype(int))}); where a method "
        "has a grid, the variant with the best validation score of so many trials.",
        f"Brackets: {level} % interval over other seeds and other test examples; SD: over seeds.",
        "Retention: share of the teacher's score, this teacher taken as given.",
        f"{TIED}: cannot be told from the task's best student on its primary metric (no other student is better in "
        f"pairwise tests, {level} % after Holm); which of them comes out highest is luck as far as this design can tell.",
    ]
    if (students.seeds == 1).any():
        one = ", ".join(students[students.seeds == 1].task.unique())
        sentences.append(f"One seed only on {one}: those intervals cover other examples, not other training runs.")
    if students.groupby(["task", "model"]).trials.nunique().max() > 1:
        sentences.append("Methods with more trials were searched longer on the validation split.")
    detectable = contrasts[(contrasts.role == "confirmatory") & contrasts.mde.notna()]
    if len(detectable):
        ranges = ", ".join(
            f"{_range(part.mde)} points on {task}" for task, part in detectable.groupby("task", sort=False)
        )
        power, baseline = 100 * detectable.power.iloc[0], detectable.other.iloc[0]
        sentences.append(f"Smallest difference to {baseline} found with {power:g} % probability: {ranges}.")
    if np.any(data.kept):
        sentences.append("*: trained by earlier code and kept.")
    return " ".join(sentences)


def _range(mde: pd.Series) -> str:
    low, high = f"{100 * mde.min():.1f}", f"{100 * mde.max():.1f}"
    return low if low == high else f"{low}-{high}"
