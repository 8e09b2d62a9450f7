"""How models do on test sets of other tasks than their own. Formats: "Transfer" in docs/architecture.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from potstill.artefacts import verify
from potstill.errors import ArtefactError
from potstill.plan.specs.transfer import TransferredRun
from potstill.report.collecting import Examples
from potstill.statistics.difference import difference
from potstill.statistics.intervals import interval_of_score
from potstill.statistics.multiplicity import adjusted
from potstill.statistics.tidy import ScoreMatrix, score_matrix
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
        facts: dict[str, Any] = dict(zip(keys, name, strict=True)) | {
            "test_task": run.test_task,
            "selected": bool(selected[name]),
        }
        parts.append(scores.assign(**facts, primary=scores.metric == primary_metric(run.kind)))
    columns = [*CELL, "seed", "selected", "primary", "example_id", "cluster_id", "metric", "score"]
    return pd.concat(parts, ignore_index=True)[columns]


def transferred(scores: pd.DataFrame) -> pd.DataFrame:
    """`transfer.parquet`: the mean score of each model on each test task, by metric."""
    keys = [*CELL, "selected", "seed", "metric"]
    means = scores.groupby(keys, sort=False).score.agg(score="mean", n_examples="size").reset_index()
    return means.astype({"n_examples": "int64"})


def count_seen(runs: Sequence[TransferredRun], examples: Examples) -> dict[tuple[str, str], int]:
    """(task, test task) -> how many of the test examples have a text that the task's models were made with.

    Made with: trained on, or selected by. What a teacher read before the experiment nobody can count.
    """
    found = {}
    for task, test_task in dict.fromkeys((run.task, run.test_task) for run in runs):
        known = set().union(*(examples.split(task, split).text for split in ("train", "transfer", "validation")))
        found[task, test_task] = int(examples.split(test_task, "test").text.isin(known).sum())
    return found


def summarised(
    scores: pd.DataFrame, confidence: float, baseline: str, seen: Mapping[tuple[str, str], int]
) -> pd.DataFrame:
    """`transfer_summary.parquet`: the primary metric of the selected variants, with seeds and examples as samples.

    On other tasks than their own, students have the difference from their baseline as well, with the test of the
    comparison; nobody declared these contrasts, so they are exploratory: Benjamini-Hochberg within each test task.

    Args:
        confidence: level of the intervals.
        baseline: method that the others are compared with.
        seen: (task, test task) -> test examples that are no test of the task's models, see `count_seen`.
    """
    cells: dict[tuple[str, ...], ScoreMatrix] = {}
    for key, part in scores[scores.selected & scores.primary].groupby([*CELL, "metric"], sort=False):
        task, test_task, role, student, method, variant, metric = map(str, key)
        name = f"{student}, {method}, {task} on {test_task}"
        cells[task, test_task, role, student, method, variant, metric] = score_matrix(name, part)
    references = {key[:4]: cell for key, cell in cells.items() if key[4] == baseline}
    rows = []
    for key, cell in cells.items():
        low, high = interval_of_score(cell.scores, cell.clusters, confidence)
        row: dict[str, Any] = dict(zip([*CELL, "metric"], key, strict=True))
        row |= {"mean": float(cell.scores.mean()), "ci_low": low, "ci_high": high}
        reference = references.get(key[:4]) if key[0] != key[1] and key[4] != baseline else None
        row |= _difference(cell, reference, confidence) | {"n_seeds": len(cell.seeds)}
        row |= {"n_examples": len(cell.example_ids), "n_seen": seen.get((key[0], key[1]), 0)}
        rows.append(row | {"confidence": confidence})
    table = pd.DataFrame(rows)
    table["p_adjusted"] = adjusted(table.p, table.test_task, "bh")
    return table


def _difference(cell: ScoreMatrix, baseline: ScoreMatrix | None, confidence: float) -> dict[str, float]:
    names = {"difference": "difference", "difference_low": "ci_low", "difference_high": "ci_high", "p": "p"}
    if baseline is None:
        return dict.fromkeys(names, float("nan"))
    found = difference(cell, baseline, confidence, power=0.8)
    return {name: float(found[of]) for name, of in names.items()}


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
