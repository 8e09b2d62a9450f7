"""What every method reached: means, intervals, the share of the teacher's score, and who is tied with the best."""

import numpy as np
import pandas as pd

from potstill.statistics.cells import CELL, Matrices, choices, scores_of, teacher_of, trials
from potstill.statistics.intervals import interval_of_score, retention
from potstill.statistics.ties import tied_with_the_best


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
    tried, tied = trials(runs), _tied(cells, runs, confidence)
    rows = []
    for key, cell in cells.items():
        task, _, student, method, _, metric = key
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
        teacher = teacher_of(cells, task, metric)
        kept = (
            retention(cell.scores, teacher.scores.mean(axis=0), cell.clusters, confidence) if teacher else [np.nan] * 3
        )
        row |= dict(zip(["retention", "retention_ci_low", "retention_ci_high"], kept, strict=True))
        row |= {
            "validation_mean": float(fact["validation"]) if primary else np.nan,
            "trials": tried[task, student, method],
            "tied": key in tied,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _tied(cells: Matrices, runs: pd.DataFrame, confidence: float) -> set[tuple[str, ...]]:
    """The keys of the cells that cannot be told from the best of their task: selected variants, primary metric."""
    chosen = choices(runs)
    found: set[tuple[str, ...]] = set()
    for task in dict.fromkeys(choice.task for choice in chosen):
        here = [choice for choice in chosen if choice.task == task]
        matrices = [scores_of(cells, choice) for choice in here]
        tied = tied_with_the_best([cell.scores for cell in matrices], matrices[0].clusters, confidence)
        found |= {
            (task, "student", choice.student, choice.method, choice.variant, choice.metric)
            for choice, is_tied in zip(here, tied, strict=True)
            if is_tied
        }
    return found
