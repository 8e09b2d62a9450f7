"""Does a student keep at least a given share of its teacher's score? The question of distillation itself."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from potstill.statistics.cells import CELL, Matrices, choices, scores_of, teacher_of
from potstill.statistics.intervals import retention
from potstill.statistics.multiplicity import adjusted
from potstill.statistics.notes import about_clusters, about_seeds
from potstill.statistics.power import minimum_detectable_difference
from potstill.statistics.tidy import ScoreMatrix
from potstill.statistics.variance_components import Estimate, Scores, estimate_mean

COLUMNS = [
    "task", "student", "method", "variant", "metric", "margin", "retention", "ci_low", "ci_high", "lower_bound", "p",
    "p_holm", "keeps", "detectable", "power", "confidence", "n_seeds", "n_examples", "parameters",
    "teacher_parameters", "note",
]  # fmt: skip


def excess(student: Scores, teacher: Scores, margin: float, clusters: NDArray | None) -> Estimate:
    """Mean of z = student - margin * teacher, example by example; its `p_greater` tests that the student keeps less.

    Args:
        student: [S, N]; teacher: [N], the same examples in the same order. Seeds vary on the student's side.
    """
    return estimate_mean(np.asarray(student, float) - margin * np.asarray(teacher, float), clusters)


def lower_bound(student: Scores, teacher: Scores, clusters: NDArray | None, confidence: float) -> float:
    """The largest share of the teacher's score that the student is shown to exceed with `confidence`, one-sided.

    The test turned round (Fieller 1954): the margin for which its p-value is 1 - confidence, so that bound and test
    never disagree. NaN where the teacher scores 0.
    """
    if float(np.mean(teacher)) == 0:
        return float("nan")
    ratio = float(np.mean(student)) / float(np.mean(teacher))

    def surplus(margin: float) -> float:
        return excess(student, teacher, margin, clusters).p_greater - (1 - confidence)

    if surplus(0.0) > 0:
        return 0.0
    return float(optimize.brentq(surplus, 0.0, ratio, xtol=1e-9))


def retentions(
    cells: Matrices,
    runs: pd.DataFrame,
    *,
    margin: float,
    confidence: float,
    family: Literal["task", "experiment"],
    power: float,
) -> pd.DataFrame:
    """One row per task, student and method: the selected variant's share of the teacher's score, primary metric.

    Args:
        runs: `runs.parquet` of the collected experiment.
        margin: the share that is to be kept.
        confidence: of the two-sided interval and of the one-sided bound and test.
        family: what shares one Holm correction.
    """
    sizes = runs.groupby(CELL).parameters.first()
    rows = []
    for choice in choices(runs):
        teacher = teacher_of(cells, choice.task, choice.metric)
        if teacher is None:
            continue
        key = (choice.task, "student", choice.student, choice.method, choice.variant)
        facts = {name: getattr(choice, name) for name in ("task", "student", "method", "variant", "metric")}
        facts |= _row(scores_of(cells, choice), teacher, margin, confidence, power)
        facts |= {"parameters": sizes[key], "teacher_parameters": sizes.xs((choice.task, "teacher")).iloc[0]}
        rows.append(facts)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if rows:
        families = table.task if family == "task" else pd.Series("all", index=table.index)
        table["p_holm"] = adjusted(table.p, families, "holm")
    table["keeps"] = table.p_holm < 1 - confidence
    return table


def _row(
    student: ScoreMatrix, teacher: ScoreMatrix, margin: float, confidence: float, power: float
) -> dict[str, object]:
    reference, clusters = teacher.scores.mean(axis=0), student.clusters
    scale = float(reference.mean())
    ratio, low, high = retention(student.scores, reference, clusters, confidence)
    estimate = excess(student.scores, reference, margin, clusters)
    known = scale > 0
    detectable = minimum_detectable_difference(estimate.se, estimate.df, confidence, power, sides=1)
    notes = [*about_seeds(len(student.seeds)), *about_clusters(student)]
    if not known:
        notes.append("the teacher scores 0: there is no share of it")
    return {
        "margin": margin,
        "retention": ratio,
        "ci_low": low,
        "ci_high": high,
        "lower_bound": lower_bound(student.scores, reference, clusters, confidence),
        "p": estimate.p_greater if known else np.nan,
        "detectable": margin + detectable / scale if known else np.nan,
        "power": power,
        "confidence": confidence,
        "n_seeds": len(student.seeds),
        "n_examples": len(student.example_ids),
        "note": "; ".join(notes),
    }
