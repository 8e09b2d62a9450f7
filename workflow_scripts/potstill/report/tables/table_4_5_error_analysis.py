"""Table 4.5: how far each student does as its teacher does, and whether it knows when it is right."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import Table, number, percent, rows, span, with_interval, without_repeats
from potstill.tables import read_frame

KEYS = ["task", "student", "method", "variant"]
MEANS = [
    "agreement", "agreement_low", "agreement_high", "both_right", "inherited", "both_wrong_differently", "unlearned",
    "only_student", "inherited_share", "error_consistency", "kl", "n_examples",
]  # fmt: skip
COLUMNS = [
    "task", "metric", "role", "model", "method", "variant", "seeds", "n", "score", *MEANS[:-1], "ece", "ece_low",
    "ece_high", "ece_by_luck", "brier", "nll",
]  # fmt: skip


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row per task, model and method (selected variants), the teacher first; means over seeds."""
    runs = read_frame(folders["collected"] / "runs.parquet")
    agreement = read_frame(folders["error_analysis"] / "agreement.parquet")
    calibration = read_frame(folders["error_analysis"] / "calibration.parquet")
    chosen = runs[runs.selected].groupby(["task", "metric", "role", *KEYS[1:]], sort=False)
    scores = chosen.agg(score=("test_score", "mean"), seeds=("seed", "size")).reset_index()
    means = agreement.groupby(KEYS)[MEANS].mean()
    errors = calibration.groupby(KEYS)[["ece", "ece_low", "ece_high", "ece_by_luck", "brier", "nll"]].first()
    data = scores.merge(means, "left", left_on=KEYS, right_index=True).merge(
        errors, "left", left_on=KEYS, right_index=True
    )
    data["n"] = data.groupby("task").n_examples.transform("max").astype(int)
    data = data.rename(columns={"student": "model"})[COLUMNS]
    return Table(data, _shown(data, digits), _caption(data, agreement))


def _shown(data: pd.DataFrame, digits: int) -> pd.DataFrame:
    cells = [
        {
            "Task": row.task,
            "Model": row.model,
            "Method": row.method,
            "Score": percent(row.score, digits),
            "Agreement": with_interval(row.agreement, row.agreement_low, row.agreement_high, digits),
            "Inherited": percent(row.inherited_share, digits),
            "Lost": percent(row.unlearned, digits),
            "Gained": percent(row.only_student, digits),
            "KL": number(row.kl, digits + 1),
            "ECE": with_interval(row.ece, row.ece_low, row.ece_high, digits),
        }
        for row in rows(data)
    ]
    shown = pd.DataFrame(cells)
    if data.ece.isna().all():  # no classification: nobody has label logits
        shown = shown.drop(columns=["KL", "ECE"])
    return without_repeats(shown, ["Task", "Model"])


def _caption(data: pd.DataFrame, agreement: pd.DataFrame) -> str:
    tests = "; ".join(f"{row.task}: n = {row.n}, {row.metric}" for row in rows(data.drop_duplicates("task")))
    students = data[data.role == "student"]
    level = f"{100 * agreement.confidence.iloc[0]:g}"
    sentences = [
        f"Students beside their teacher on the test examples ({tests}), in % unless said otherwise; "
        f"means over {span(students.seeds)} seed(s), selected variants.",
        f"Agreement: same answer as the teacher, with its {level} % interval over other seeds and other examples.",
        "Inherited: of the student's errors, those that are the teacher's answer.",
        "Lost: the teacher is right and the student wrong, in % of the examples; gained: the reverse.",
    ]
    if data.ece.notna().any():
        luck = data.ece_by_luck.dropna()
        sentences.append(
            "KL: divergence of the student's label distribution from the teacher's, in nats. ECE: expected calibration "
            f"error with its {level} % bootstrap interval; a perfectly calibrated model would show "
            f"{percent(luck.min(), 1)} to {percent(luck.max(), 1)} by luck."
        )
    return " ".join(sentences)
