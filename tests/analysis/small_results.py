"""Small collected experiments, written as `collect_runs` leaves them, and read back."""

from pathlib import Path

import numpy as np
import pandas as pd
from potstill.analysis.answers import TaskResults, read_results
from potstill.tables import write_table
from potstill.tasks.metrics import score_predictions

WORDS = ["negative", "positive"]


def classified(folder: Path, gold, teacher, students, *, logits=None, clusters=None, words=WORDS) -> TaskResults:
    """A classification.

    Args:
        gold: [N] labels; teacher: [N] labels.
        students: method, or (student, method) -> [S, N] labels.
        logits: method -> [S, N, C]; `teacher` among them.
    """
    write(folder, "classification", gold, teacher, students, logits=logits, clusters=clusters, words=words)
    return read_results(folder)[0]


def answered(folder: Path, kind: str, gold, teacher, students, *, clusters=None) -> TaskResults:
    """A task of answers in words; `gold` is [N] lists of accepted answers."""
    write(folder, kind, gold, teacher, students, clusters=clusters)
    return read_results(folder)[0]


def write(folder: Path, kind, gold, teacher, students, *, logits=None, clusters=None, words=WORDS, task="t") -> None:
    """The tables that an analysis reads; ids are in the order of the examples."""
    folder.mkdir(parents=True, exist_ok=True)
    n, classifies = len(gold), kind == "classification"
    ids = [f"{i:05d}" for i in range(n)]
    examples = pd.DataFrame(
        {
            "task": task,
            "kind": kind,
            "example_id": ids,
            "cluster_id": ids if clusters is None else [str(c) for c in clusters],
            "prompt": [" ".join(["word"] * (i % 7 + 1)) for i in range(n)],
            "gold": [words[label] for label in gold] if classifies else [answers[0] for answers in gold],
            "answers": [[words[label]] for label in gold] if classifies else [list(answers) for answers in gold],
            "label": np.asarray(gold if classifies else [-1] * n, dtype="int32"),
            "choices": [words if classifies else []] * n,
            "n_words": np.asarray([i % 7 + 1 for i in range(n)], dtype="int32"),
        }
    )
    rows = [("teacher", "big", "teacher", -1, teacher)]
    for name, seeds in students.items():
        student, method = name if isinstance(name, tuple) else ("small", name)
        rows += [("student", student, method, seed, given) for seed, given in enumerate(seeds)]
    answers, scores = [], []
    for role, student, method, seed, given in rows:
        keys = {"task": task, "role": role, "student": student, "method": method, "variant": "-", "seed": seed}
        own = None if logits is None else logits.get(method)
        if own is not None:
            own = np.asarray(own)[seed] if role == "student" else np.asarray(own)
        part = pd.DataFrame({"example_id": ids, "label": np.asarray(given if classifies else [-1] * n, dtype="int32")})
        part["logits"] = [[] for _ in ids] if own is None else list(np.asarray(own, dtype="float32"))
        part["text"] = [words[label] for label in given] if classifies else list(given)
        part["n_tokens"] = np.int32(0)
        answers.append(pd.DataFrame(keys, index=part.index).join(part))
        score = score_predictions(kind, examples.drop(columns="kind"), part)
        score = score.merge(examples[["example_id", "cluster_id"]], on="example_id")
        scores.append(pd.DataFrame(keys, index=score.index).assign(selected=True).join(score))
    write_table(examples, folder / "examples.parquet")
    write_table(pd.concat(answers, ignore_index=True), folder / "answers.parquet")
    write_table(pd.concat(scores, ignore_index=True), folder / "scores.parquet")
    columns = ["task", "metric", "baseline", "answer", "score"]
    baseline = [task, "accuracy", "majority class", f" {words[0]}", float(np.mean(np.asarray(gold) == 0))]
    write_table(pd.DataFrame([baseline] if classifies else [], columns=columns), folder / "baselines.parquet")
