"""An experiment's runs side by side: scores, answers, histories, and which variant validation selects.

Scores are computed here, not while training: a mended metric never retrains. Formats: "Collected" in
docs/architecture.md.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from potstill.artefacts import canonical_json, read_json, read_manifest, verify
from potstill.errors import ArtefactError, DataError
from potstill.plan.specs.collect import CollectedRun
from potstill.tables import read_frame
from potstill.tasks.metrics import constant_baselines, primary_metric, score_predictions

# Which of run.json's facts go into the table; a teacher that was used as it comes has no training to tell of.
RUN_FACTS = ("steps", "tokens_seen", "train_seconds", "predict_seconds", "parameters", "device")
HISTORY_KEYS = ("task", "student", "method", "variant", "seed")
KEYS = ("task", "role", "student", "method", "variant", "seed")

ANSWERS = pa.schema(
    [
        *((name, pa.string()) for name in KEYS[:-1]),
        ("seed", pa.int64()),
        ("example_id", pa.string()),
        ("label", pa.int32()),
        ("logits", pa.list_(pa.float32())),
        ("text", pa.string()),
        ("n_tokens", pa.int32()),
    ]
)
TEST_EXAMPLES = pa.schema(
    [
        ("task", pa.string()),
        ("kind", pa.string()),
        ("example_id", pa.string()),
        ("cluster_id", pa.string()),
        ("prompt", pa.string()),
        ("gold", pa.string()),
        ("answers", pa.list_(pa.string())),
        ("label", pa.int32()),
        ("choices", pa.list_(pa.string())),
        ("n_words", pa.int32()),
    ]
)


class Examples:
    """The labelled examples of an experiment's tasks, each split read and verified once.

    Args:
        directories: task -> directory of its examples.
    """

    def __init__(self, directories: Mapping[str, str]) -> None:
        self._directories = directories
        self._read: dict[tuple[str, str], pd.DataFrame] = {}

    def split(self, task: str, split: str) -> pd.DataFrame:
        """The examples of one split: train, validation or test."""
        if (task, split) not in self._read:
            directory = Path(self._directories[task])
            verify(directory, [f"{split}.parquet"])
            self._read[task, split] = read_frame(directory / f"{split}.parquet")
        return self._read[task, split]


def collect(
    runs: Sequence[CollectedRun], directories: Sequence[Path], examples: Examples
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The tables `runs`, `scores` and `history` of the runs that lie in `directories`, in that order.

    Raises:
        ArtefactError: a file is missing or damaged, or a run was scored on other examples than the task has.
        DataError: the same run is listed twice.
    """
    _refuse_duplicates(runs)
    rows, scores, histories = [], [], []
    for run, directory in zip(runs, directories, strict=True):
        facts = read_json(directory, "run.json")
        verify(directory, ["predictions.parquet"])
        predictions = read_frame(directory / "predictions.parquet")
        test = _score(run, directory, predictions, examples, "test")
        metric = primary_metric(run.kind)
        # Nothing is chosen by a teacher's validation score; a teacher is asked for its test answers alone.
        chosen_by = _score(run, directory, predictions, examples, "validation") if run.role == "student" else None
        rows.append(
            {
                **run.as_json(),
                "options": canonical_json(run.options),
                "path": str(directory),
                "metric": metric,
                "validation_score": math.nan if chosen_by is None else _mean(chosen_by, metric),
                "test_score": _mean(test, metric),
                **{name: facts.get(name) for name in RUN_FACTS},
            }
        )
        scores.append(_with_keys(test, run, KEYS))
        if "history.parquet" in read_manifest(directory)["files"]:
            verify(directory, ["history.parquet"])
            histories.append(_with_keys(read_frame(directory / "history.parquet"), run, HISTORY_KEYS))
    table = pd.DataFrame(rows).astype({"temperature": float, "alpha": float})
    table["selected"] = selected(table)
    for frame, flag in zip(scores, table["selected"], strict=True):
        frame.insert(frame.columns.tolist().index("example_id"), "selected", flag)
    history = pd.concat(histories, ignore_index=True) if histories else pd.DataFrame(columns=[*HISTORY_KEYS, "step"])
    return table, pd.concat(scores, ignore_index=True), history


def selected(runs: pd.DataFrame) -> pd.Series:
    """Whether a run's variant has the best mean validation score of its task, student and method; ties: the first.

    The test set has no say: a variant picked by its test score would show luck as a gain.
    """
    groups = ["task", "role", "student", "method"]
    means = runs.groupby([*groups, "variant"], sort=False).validation_score.mean().fillna(0).reset_index()
    best = means.loc[means.groupby(groups, sort=False).validation_score.idxmax()]
    chosen = pd.MultiIndex.from_frame(best[[*groups, "variant"]])
    return pd.Series(pd.MultiIndex.from_frame(runs[[*groups, "variant"]]).isin(chosen), index=runs.index)


def answers(runs: pd.DataFrame, collected: Sequence[CollectedRun]) -> pa.Table:
    """What the teacher and every selected run answered on the test split, one row an example: `answers.parquet`.

    Args:
        runs: the table `runs` of `collect`, whose artefacts it has verified.
        collected: the same runs, in the same order.
    """
    parts = []
    for run, directory, selected in zip(collected, runs["path"], runs["selected"], strict=True):
        if selected:
            predictions = read_frame(Path(directory) / "predictions.parquet")
            test = predictions[predictions["split"] == "test"].sort_values("example_id", ignore_index=True)
            parts.append(_with_keys(test.drop(columns="split"), run, KEYS)[ANSWERS.names])
    return pa.concat_tables(pa.Table.from_pandas(part, ANSWERS, preserve_index=False) for part in parts)


def shown_examples(runs: Sequence[CollectedRun], examples: Examples) -> pa.Table:
    """The test examples of every task, as a reader sees them: `examples.parquet`.

    `gold` is the right choice of a classification, otherwise the first of the gold answers; choices stand without the
    white space that a decoder's vocabulary asks for, as in predictions.
    """
    parts = []
    for task, kind in {run.task: run.kind for run in runs}.items():
        frame = examples.split(task, "test").sort_values("example_id")
        frame["choices"] = [[choice.strip() for choice in choices] for choices in frame["choices"]]
        if kind == "classification":
            frame["gold"] = [choices[label] for choices, label in zip(frame["choices"], frame["label"], strict=True)]
        else:
            frame["gold"] = [gold[0] for gold in frame["answers"]]
        frame = frame.assign(task=task, kind=kind, n_words=[len(prompt.split()) for prompt in frame["prompt"]])
        parts.append(pa.Table.from_pandas(frame[TEST_EXAMPLES.names], TEST_EXAMPLES, preserve_index=False))
    return pa.concat_tables(parts)


def baselines(runs: Sequence[CollectedRun], examples: Examples) -> pd.DataFrame:
    """What constant answers score on the test set of each task: `task, metric, baseline, answer, score`."""
    kinds = {run.task: run.kind for run in runs}
    tables = [
        constant_baselines(kind, examples.split(task, "train"), examples.split(task, "test")).assign(task=task)
        for task, kind in kinds.items()
    ]
    return pd.concat(tables, ignore_index=True)[["task", "metric", "baseline", "answer", "score"]]


def _score(
    run: CollectedRun, directory: Path, predictions: pd.DataFrame, examples: Examples, split: str
) -> pd.DataFrame:
    asked = examples.split(run.task, split)
    try:
        scores = score_predictions(run.kind, asked, predictions[predictions["split"] == split])
    except ArtefactError as error:
        raise ArtefactError(f"{directory}, {split} split of task {run.task}: {error}") from None
    scores = scores.merge(asked[["example_id", "cluster_id"]], on="example_id", how="left")
    return scores[["example_id", "cluster_id", "metric", "score"]]


def _mean(scores: pd.DataFrame, metric: str) -> float:
    return float(scores.loc[scores["metric"] == metric, "score"].mean())


def _with_keys(table: pd.DataFrame, run: CollectedRun, keys: tuple[str, ...]) -> pd.DataFrame:
    front = pd.DataFrame({key: getattr(run, key) for key in keys}, index=table.index)
    return pd.concat([front, table], axis=1)


def _refuse_duplicates(runs: Sequence[CollectedRun]) -> None:
    seen: dict[tuple[Any, ...], str] = {}
    for run in runs:
        key = (run.task, run.role, run.student, run.method, run.variant, run.seed)
        if key in seen:
            raise DataError(f"{' '.join(map(str, key))} is there twice, as {seen[key]} and {run.run_id}")
        seen[key] = run.run_id
