"""Table 4.6: what each method costs, alone and with its share of what the teacher does once for all."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import MISSING, Table, number, rows, without_repeats
from potstill.tables import read_frame

METHOD = ["task", "student", "method"]
STAGES = {
    "teacher fit": "teacher_fit", "teacher pass": "teacher_pass", "targets": "targets", "training": "training",
}  # fmt: skip
FACTORS = ["alone_times_baseline", "amortised_times_baseline"]


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row per task, student and method, in seconds of one run."""
    costs = read_frame(folders["costs"] / "costs.parquet")
    counted = costs[costs.stage.isin(STAGES)]
    groups = counted.groupby(METHOD, sort=False)
    data = groups.agg(baseline=("baseline", "first"))
    data["runs"] = counted[counted.stage == "training"].set_index(METHOD).jobs
    alone = counted.groupby([*METHOD, "stage"]).seconds_alone.sum(min_count=1).unstack("stage")
    for stage, column in STAGES.items():
        data[column] = alone[stage] if stage in alone else float("nan")
    # A stage whose time was not recorded leaves the sum unknown; one that a method does without adds nothing.
    for total, column in (("alone", "seconds_alone"), ("amortised", "seconds_per_run")):
        data[total] = groups[column].apply(lambda seconds: seconds.sum(skipna=False))
    data = data.reset_index()
    baselines = data[data.baseline].set_index(["task", "student"])
    for total, factor in zip(("alone", "amortised"), FACTORS, strict=True):
        data[factor] = (
            data[total]
            / data[["task", "student"]].merge(baselines[total].reset_index(), on=["task", "student"], how="left")[total]
        )
    devices = data.merge(counted.groupby(METHOD).device.agg(_devices).reset_index(), on=METHOD).device
    data = data.drop(columns="baseline").assign(device=devices).rename(columns={"student": "model"})
    return Table(data, _shown(data, digits), _caption(costs, data))


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
    return without_repeats(pd.DataFrame(cells), ["Task", "Model"])


def seconds(value: float) -> str:
    """Seconds with one decimal below ten and none above."""
    return MISSING if pd.isna(value) else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _with_factor(value: float, factor: float, digits: int) -> str:
    """Such as `35 (1.4)`."""
    return seconds(value) + ("" if pd.isna(factor) else f" ({factor:.{digits}f})")


def _caption(costs: pd.DataFrame, data: pd.DataFrame) -> str:
    baseline = ", ".join(dict.fromkeys(costs[costs.baseline].method))
    devices = _devices(costs.device)
    several = costs.devices.max()
    on = devices + (f", up to {several} at once" if several > 1 else "")
    sentences = [
        f"Accelerator seconds of one run ({on}; the time of a job, once for each of its devices), as the mean over a "
        "method's runs, grid and seeds together.",
        "Fit: training of the teacher; pass: the teacher's answers on the test set; targets: what it says of the training "
        "examples, starting and loading included; training: of the student, its validations included. Scoring students "
        "is not counted.",
        f"Alone: all of these for a single run; shared: with what the teacher does divided by the runs that use it. "
        f"In brackets: as a multiple of {baseline}'s.",
    ]
    if "," in devices:
        sentences.append("Seconds of different devices cannot be compared.")
    else:
        sentences.append("Seconds on other devices would be others.")
    if data[["alone", "amortised"]].isna().any().any():
        sentences.append(f"{MISSING} in a sum: made before times were recorded.")
    return " ".join(sentences)
