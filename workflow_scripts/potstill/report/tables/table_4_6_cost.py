"""Table 4.6: what each method costs, alone and with its share of what the teacher does once for all."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import MISSING, Table, number, rows, without_repeats
from potstill.tables import read_frame

METHOD = ["task", "student", "method"]
COLUMNS = [
    "task", "model", "method", "runs", "teacher_fit", "teacher_pass", "targets", "training", "alone", "amortised",
    "alone_times_baseline", "amortised_times_baseline", "device",
]  # fmt: skip
# Scoring students is left out: it is the same for every method, and no part of making one.
STAGES = {"teacher fit": "teacher_fit", "teacher pass": "teacher_pass", "targets": "targets", "training": "training"}
TOTALS = {"alone": "seconds_alone", "amortised": "seconds_per_run"}


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row per task, student and method, in seconds of one run."""
    costs = read_frame(folders["costs"] / "costs.parquet")
    counted = costs[costs.stage.isin(STAGES)]
    groups = counted.groupby(METHOD, sort=False)
    data = groups.agg(baseline=("baseline", "first"), device=("device", _devices))
    data["runs"] = counted[counted.stage == "training"].set_index(METHOD).jobs
    stages = counted.groupby([*METHOD, "stage"]).seconds_alone.agg(_sum).unstack("stage")
    data = data.join(stages.reindex(columns=list(STAGES)).rename(columns=STAGES))
    for total, column in TOTALS.items():
        data[total] = groups[column].agg(_sum)
    data = data.reset_index()
    baselines = data[data.baseline].set_index(["task", "student"])[list(TOTALS)].add_suffix("_baseline")
    data = data.join(baselines, on=["task", "student"])
    for total in TOTALS:
        data[f"{total}_times_baseline"] = data[total] / data[f"{total}_baseline"]
    data = data.rename(columns={"student": "model"})[COLUMNS]
    return Table(data, _shown(data, digits), _caption(costs, data))


def _sum(seconds: "pd.Series[float]") -> float:
    """Unknown where a part of it was not recorded."""
    return float(seconds.sum(skipna=False))


def _devices(devices: "pd.Series[str]") -> str:
    return ", ".join(dict.fromkeys(name for cell in devices for name in cell.split(", ") if name))


def _shown(data: pd.DataFrame, digits: int) -> pd.DataFrame:
    cells = [
        {
            "Task": row.task,
            "Model": row.model,
            "Method": row.method,
            "Runs": number(row.runs, 0),
            "Fit": seconds(row.teacher_fit),
            "Pass": seconds(row.teacher_pass),
            "Targets": seconds(row.targets),
            "Training": seconds(row.training),
            "Alone": _with_factor(row.alone, row.alone_times_baseline, digits),
            "Shared": _with_factor(row.amortised, row.amortised_times_baseline, digits),
        }
        for row in rows(data)
    ]
    shown = pd.DataFrame(cells)
    unused = [column for column in ("Fit", "Pass", "Targets") if (shown[column] == MISSING).all()]
    return without_repeats(shown.drop(columns=unused), ["Task", "Model"])


def seconds(value: float) -> str:
    """Seconds with one decimal below ten and none above."""
    return MISSING if pd.isna(value) else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _with_factor(value: float, factor: float, digits: int) -> str:
    """Such as `35 (1.4)`."""
    return seconds(value) + ("" if pd.isna(factor) else f" ({factor:.{digits}f})")


def _caption(costs: pd.DataFrame, data: pd.DataFrame) -> str:
    baseline = ", ".join(dict.fromkeys(costs[costs.baseline].method))
    devices, most = _devices(costs.device), costs.devices.max()
    on = devices + (f", up to {most} at once" if most > 1 else "")
    fit = "fit: training of the teacher; " if data.teacher_fit.notna().any() else ""
    parts = (
        f"{fit}pass: the teacher's answers on the test set; targets: what it says of the examples that students learn from, "
        "starting and loading included; training: of the student, with its validations"
    )
    sentences = [
        f"Accelerator seconds of one run ({on}; a job's time, once for each of its devices), as the mean over a method's runs, "
        "grid and seeds together.",
        f"{parts[0].upper()}{parts[1:]}. Scoring the students is not counted.",
        "Alone: all of these for a single run; shared: with what the teacher does divided by the runs that use it; in brackets, "
        f"as a multiple of {baseline}.",
        "Seconds of different devices cannot be compared.",
    ]
    if data[list(TOTALS)].isna().any().any():
        sentences.append(f"{MISSING} for a sum: a part of it was made before times were recorded.")
    return " ".join(sentences)
