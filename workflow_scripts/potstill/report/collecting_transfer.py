"""How models do on test sets of other tasks than their own. Formats: "Transfer" in docs/architecture.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from potstill.artefacts import verify
from potstill.errors import ArtefactError
from potstill.plan.specs.transfer import TransferredRun
from potstill.report.collecting import Examples
from potstill.statistics.intervals import interval_of_score
from potstill.statistics.tidy import score_matrix
from potstill.tables import read_frame
from potstill.tasks.metrics import constant_baselines, primary_metric, score_predictions

CELL = ["task", "test_task", "role", "student", "method", "variant"]


def scores_of(
    runs: Sequence[TransferredRun],
    directories: Sequence[Path],
    examples: Examples,
    collected_runs: pd.DataFrame,
    collected_scores: pd.DataFrame,
) -> pd.DataFrame:
    """One score for each model, test task, example and metric; those on a model's own task are the collected ones.

    A row or column of the matrix without its own diagonal would say little, so the own scores are those of each task
    that is trained on or tested on here.

    Args:
        directories: of the predictions, in the order of `runs`.
        collected_runs, collected_scores: tables of the collected experiment.

    Returns:
        `task, test_task, role, student, method, variant, seed, selected, primary, example_id, cluster_id, metric,
        score`.

    Raises:
        ArtefactError: predictions are damaged, or were made from other examples than the task has.
    """
    shown = dict.fromkeys([*(run.task for run in runs), *(run.test_task for run in runs)])
    primary = dict(collected_runs[["task", "metric"]].itertuples(index=False, name=None))
    own = collected_scores[collected_scores.task.isin(shown)]
    parts = [own.assign(test_task=own.task, primary=own.metric == own.task.map(primary))]
    keys = ["task", "role", "student", "method", "variant", "seed"]
    selected = dict(zip(collected_runs[keys].itertuples(index=False, name=None), collected_runs.selected, strict=True))
    for run, directory in zip(runs, directories, strict=True):
        scores = _scores(run, directory, examples)
        name = (run.task, run.role, run.student, run.method, run.variant, run.seed)
        facts = dict(zip(keys, name, strict=True)) | {"test_task": run.test_task, "selected": bool(selected[name])}
        parts.append(scores.assign(**facts, primary=scores.metric == primary_metric(run.kind)))
    columns = [*CELL, "seed", "selected", "primary", "example_id", "cluster_id", "metric", "score"]
    return pd.concat(parts, ignore_index=True)[columns]


def transferred(scores: pd.DataFrame) -> pd.DataFrame:
    """`transfer.parquet`: the mean score of each model on each test task, by metric."""
    keys = [*CELL, "selected", "seed", "metric"]
    means = scores.groupby(keys, sort=False).score.agg(score="mean", n_examples="size").reset_index()
    return means.astype({"n_examples": "int64"})


def summarised(scores: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """`transfer_summary.parquet`: the primary metric of the selected variants, with seeds and examples as samples.

    Args:
        confidence: level of the intervals.
    """
    rows = []
    chosen = scores[scores.selected & scores.primary]
    for key, part in chosen.groupby([*CELL, "metric"], sort=False):
        names: dict[str, Any] = dict(zip([*CELL, "metric"], map(str, key), strict=True))
        cell = score_matrix(f"{names['student']}, {names['method']}, {names['task']} on {names['test_task']}", part)
        low, high = interval_of_score(cell.scores, cell.clusters, confidence)
        measured = {"mean": float(cell.scores.mean()), "ci_low": low, "ci_high": high}
        counts = {"n_seeds": len(cell.seeds), "n_examples": len(cell.example_ids), "confidence": confidence}
        rows.append(names | measured | counts)
    return pd.DataFrame(rows)


def baselines_of(runs: Sequence[TransferredRun], examples: Examples, collected: pd.DataFrame) -> pd.DataFrame:
    """`transfer_baselines.parquet`: what constant answers score on each test set, `test_task, metric, baseline, answer, score`.

    Args:
        collected: `baselines.parquet` of the collected experiment, for the tasks that are trained on.
    """
    own = collected[collected.task.isin({run.task for run in runs})].rename(columns={"task": "test_task"})
    kinds = {run.test_task: run.kind for run in runs if run.test_task not in set(own.test_task)}
    further = [
        constant_baselines(kind, examples.split(task, "train"), examples.split(task, "test")).assign(test_task=task)
        for task, kind in kinds.items()
    ]
    return pd.concat([own, *further], ignore_index=True)[["test_task", "metric", "baseline", "answer", "score"]]


def _scores(run: TransferredRun, directory: Path, examples: Examples) -> pd.DataFrame:
    verify(directory, ["predictions.parquet"])
    predictions = read_frame(directory / "predictions.parquet")
    asked = examples.split(run.test_task, "test")
    try:
        scores = score_predictions(run.kind, asked, predictions[predictions["split"] == "test"])
    except ArtefactError as error:
        raise ArtefactError(f"{directory}, test split of task {run.test_task}: {error}") from None
    return scores.merge(asked[["example_id", "cluster_id"]], on="example_id", how="left")
