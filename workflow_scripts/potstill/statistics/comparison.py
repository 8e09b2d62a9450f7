"""The two tables of a comparison: what every method reached, and how each differs from the baseline.

Formats: `summary.parquet` and `contrasts.parquet` in docs/architecture.md.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd
from statsmodels.stats.contingency_tables import mcnemar

from potstill.errors import DataError
from potstill.statistics.effect import cohens_d, hedges_g, paired_t
from potstill.statistics.intervals import interval_of_score, retention
from potstill.statistics.multiplicity import holm
from potstill.statistics.power import minimum_detectable_difference
from potstill.statistics.tidy import ScoreMatrix, require_same_examples, score_matrix
from potstill.statistics.variance_components import Estimate, estimate_difference

CELL = ["task", "role", "student", "method", "variant"]
FEW_CLUSTERS = 30
CONTRAST_COLUMNS = [
    "task", "student", "method", "baseline", "difference", "ci_low", "ci_high", "se", "df", "p", "p_holm",
    "paired_t", "paired_t_p", "cohens_d", "hedges_g", "mde", "n_seeds", "n_examples", "n_clusters", "disagreement",
    "confidence", "power", "note",
]  # fmt: skip

# (task, role, student, method, variant, metric) -> its scores
Matrices = dict[tuple[str, ...], ScoreMatrix]


def matrices(scores: pd.DataFrame) -> Matrices:
    """The score matrix of every (task, role, student, method, variant, metric), in order of first appearance.

    Raises:
        DataError: a run misses examples, has some twice, or runs of one task were scored on different test sets.
    """
    found: Matrices = {}
    first: dict[str, ScoreMatrix] = {}
    for key, part in scores.groupby([*CELL, "metric"], sort=False):
        task, role, student, method, variant, metric = map(str, key)
        name = f"task {task}, {student}, {method}" + ("" if variant == "-" else f" {variant}") + f" ({metric})"
        cell = score_matrix(name, part)
        require_same_examples(first.setdefault(task, cell), cell)
        found[task, role, student, method, variant, metric] = cell
    return found


def summarise(cells: Matrices, runs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row per task, role, student, method, variant and metric: mean, interval, share of the teacher's score.

    Args:
        cells: from `matrices`.
        runs: `runs.parquet` of the collected experiment.
        confidence: level of the intervals.
    """
    columns = {
        "selected": ("selected", "first"),
        "primary": ("metric", "first"),
        "validation": ("validation_score", "mean"),
    }
    facts = runs.groupby(CELL).agg(**columns).to_dict("index")
    teachers = {(key[0], key[-1]): cell for key, cell in cells.items() if key[1] == "teacher"}
    rows = []
    for key, cell in cells.items():
        *_, metric = key
        fact = facts[key[:-1]]
        primary = metric == fact["primary"]
        means = cell.scores.mean(axis=1)
        low, high = interval_of_score(cell.scores, cell.clusters, confidence)
        row = dict(zip([*CELL, "metric"], key, strict=True)) | {
            "selected": bool(fact["selected"]),
            "primary": primary,
            "n_seeds": len(cell.seeds),
            "n_examples": len(cell.example_ids),
            "mean": float(means.mean()),
            "sd": float(means.std(ddof=1)) if len(means) > 1 else np.nan,
            "ci_low": low,
            "ci_high": high,
            "confidence": confidence,
        }
        teacher = teachers.get((key[0], metric))
        kept = (
            retention(cell.scores, teacher.scores.mean(axis=0), cell.clusters, confidence) if teacher else [np.nan] * 3
        )
        row |= dict(zip(["retention", "retention_ci_low", "retention_ci_high"], kept, strict=True))
        rows.append(row | {"validation_mean": float(fact["validation"]) if primary else np.nan})
    return pd.DataFrame(rows)


def contrast(
    cells: Matrices,
    runs: pd.DataFrame,
    *,
    baseline: str,
    confidence: float,
    family: Literal["task", "experiment"],
    power: float,
) -> pd.DataFrame:
    """One row per task, student and method: its selected variant against the baseline's, on the primary metric.

    Raises:
        DataError: a student of a task was not trained with the baseline.
    """
    students = runs[(runs.role == "student") & runs.selected]
    rows = []
    for (task, student), part in students.groupby(["task", "student"], sort=False):
        selected = {
            method: cells[str(task), "student", str(student), method, variant, metric]
            for method, variant, metric in part[["method", "variant", "metric"]].itertuples(index=False, name=None)
        }
        if baseline not in selected:
            raise DataError(
                f"comparison.baseline: {baseline} has no run for task {task}, student {student}; it has "
                f"{', '.join(selected)}. Add the method {baseline} to the experiment, or name another baseline."
            )
        rows += [
            {"task": task, "student": student, "method": method, "baseline": baseline}
            | _contrast(cell, selected[baseline], confidence, power)
            for method, cell in selected.items()
            if method != baseline
        ]
    table = pd.DataFrame(rows, columns=CONTRAST_COLUMNS)
    if rows:
        families = table.task if family == "task" else pd.Series("all", index=table.index)
        table["p_holm"] = holm(table.p, families)
    return table


def _contrast(method: ScoreMatrix, baseline: ScoreMatrix, confidence: float, power: float) -> dict[str, object]:
    estimate = estimate_difference(method.scores, baseline.scores, method.clusters)
    low, high = estimate.interval(confidence)
    one_seed = min(len(method.seeds), len(baseline.seeds)) == 1
    exact = one_seed and _can_use_mcnemar(method, baseline)
    mde = minimum_detectable_difference(estimate.se, estimate.df, confidence, power)
    a, b = _shared_seeds(method, baseline)
    t, t_p = paired_t(a, b)
    return {
        "difference": estimate.value,
        "ci_low": low,
        "ci_high": high,
        "se": estimate.se,
        "df": estimate.df,
        "p": mcnemar_exact(method.scores[0], baseline.scores[0]) if exact else estimate.p,
        "paired_t": t,
        "paired_t_p": t_p,
        "cohens_d": cohens_d(a, b),
        "hedges_g": hedges_g(a, b),
        "mde": mde,
        "n_seeds": min(len(method.seeds), len(baseline.seeds)),
        "n_examples": len(method.example_ids),
        "n_clusters": method.n_clusters,
        "disagreement": disagreement(method.scores, baseline.scores),
        "confidence": confidence,
        "power": power,
        "note": "; ".join(_notes(method, baseline, estimate, mde, power)),
    }


def mcnemar_exact(method: np.ndarray, baseline: np.ndarray) -> float:
    """Two-sided exact McNemar test of right-or-wrong scores [N] on the same examples (McNemar 1947)."""
    only_method, only_baseline = int((method > baseline).sum()), int((method < baseline).sum())
    return float(mcnemar([[0, only_method], [only_baseline, 0]], exact=True).pvalue)


def disagreement(method: np.ndarray, baseline: np.ndarray) -> float:
    """Share of the examples that a run of each, both picked at random, score differently; [S, N] and [S', N]."""
    return float(np.mean([(a != b).mean() for a in method for b in baseline]))


def _can_use_mcnemar(method: ScoreMatrix, baseline: ScoreMatrix) -> bool:
    binary = all(np.isin(cell.scores, (0.0, 1.0)).all() for cell in (method, baseline))
    return binary and method.clusters is None and len(method.seeds) == len(baseline.seeds) == 1


def _shared_seeds(method: ScoreMatrix, baseline: ScoreMatrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean scores of the seeds that both were trained with, in the same order."""
    shared = [seed for seed in method.seeds if seed in baseline.seeds]
    a, b = (np.array([cell.scores[cell.seeds.index(seed)].mean() for seed in shared]) for cell in (method, baseline))
    return a, b


def _notes(method: ScoreMatrix, baseline: ScoreMatrix, estimate: Estimate, mde: float, power: float) -> Iterable[str]:
    """What this design cannot say."""
    if estimate.variance == 0:
        yield "the same difference on every example: nothing to estimate an interval from"
    if min(len(method.seeds), len(baseline.seeds)) == 1:
        yield "one seed: the interval covers other test examples, not other training runs"
    if set(method.seeds) != set(baseline.seeds):
        yield "seeds differ: paired t and d over the shared ones only"
    if 1 < method.n_clusters < FEW_CLUSTERS:
        yield f"only {method.n_clusters} independent clusters of examples: the interval is rough"
    if method.n_clusters == 1:
        yield "all examples share one cluster: they are treated as independent"
    if abs(estimate.value) < mde:
        yield f"below the {100 * mde:.1f} points that this design finds with {100 * power:.0f} % probability"
