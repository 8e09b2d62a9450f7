"""Table 4.4: which student is shown to keep the asked share of its teacher's score (non-inferiority)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from potstill.report.table import MISSING, Table, p_value, percent, rows, with_interval
from potstill.tables import read_frame


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row per task, student and method (its selected variant)."""
    data = read_frame(folders["comparison"] / "retention.parquet").rename(columns={"student": "model"})
    cells = [
        {
            "Student": f"{row.task} ({row.metric}): {row.model}"
            f", {percent(row.parameters / row.teacher_parameters, 0)} % of the teacher's parameters",
            "Method": row.method,
            "Retention (%)": with_interval(row.retention, row.ci_low, row.ci_high, digits),
            "At least (%)": percent(row.lower_bound, digits),
            "p (Holm)": p_value(row.p_holm),
            f"Keeps {100 * row.margin:g} %": _verdict(row),
            "Would show (%)": percent(row.detectable, digits),
        }
        for row in rows(data)
    ]
    return Table(data, pd.DataFrame(cells), _caption(data, digits), heading="Student")


def _verdict(row: Any) -> str:
    """In words; that a share is not shown to be kept does not show that it is lost."""
    if row.keeps:
        return "yes"
    if pd.isna(row.p):
        return MISSING
    return "no" if row.ci_high < row.margin else "open"


def _caption(data: pd.DataFrame, digits: int) -> str:
    first = data.iloc[0]
    margin, level = f"{100 * first.margin:g} %", f"{100 * first.confidence:g} %"
    sentences = [
        f"Does a student keep at least {margin} of its teacher's score? Retention: student's mean / teacher's score on "
        f"the same test examples, this teacher taken as given, with its {level} interval over other seeds and other "
        f"examples. At least: one-sided {level} bound. p: one-sided test that the student keeps less than {margin}, "
        "corrected by Holm. Yes: p is small enough; no: the whole interval lies below; open: this design cannot say.",
        f"Would show: true retention from which this design says yes with {100 * first.power:g} % probability (before "
        "Holm).",
        *_in_words(data, margin, digits),
    ]
    notes = dict.fromkeys(
        f"{row.task}: {part}" for row in rows(data) for part in row.note.split("; ") if part
    )  # fmt: skip
    if notes:
        sentences.append("Notes: " + "; ".join(notes) + ".")
    return " ".join(sentences)


def _in_words(data: pd.DataFrame, margin: str, digits: int) -> list[str]:
    sentences = []
    for task, part in data.groupby("task", sort=False):
        kept = part[part.keeps]
        if kept.empty:
            best = max(rows(part), key=lambda row: -1 if pd.isna(row.retention) else row.retention)
            sentences.append(
                f"On {task} no student is shown to keep {margin}; the highest, {best.model} with {best.method}, keeps "
                f"{percent(best.retention, digits)} % in this sample."
            )
        else:
            smallest = min(rows(kept), key=lambda row: row.parameters)
            sentences.append(
                f"On {task} {len(kept)} of {len(part)} are shown to keep {margin}; the smallest is {smallest.model} with "
                f"{smallest.method}."
            )
    return sentences
