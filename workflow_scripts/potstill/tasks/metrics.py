"""Scores of predictions, one an example, and what a constant answer would score. No torch.

The question-answering rules are those of the official evaluation script of SQuAD v1.1 (Rajpurkar et al. 2016,
section 6.1): answers are compared in lower case, without punctuation and articles, and the best of several gold answers
counts. An answer that these rules leave empty therefore matches an empty prediction exactly, while its F1 is 0.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from potstill.errors import ArtefactError
from potstill.plan.specs.task import TaskKind

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def primary_metric(kind: TaskKind) -> str:
    """The metric that methods are compared by."""
    return {"classification": "accuracy", "extractive-qa": "f1", "generation": "exact_match"}[kind]


def metrics(kind: TaskKind) -> tuple[str, ...]:
    """All metrics of a kind of task, the primary one first."""
    return ("f1", "exact_match") if kind == "extractive-qa" else (primary_metric(kind),)


def normalise_answer(text: str) -> str:
    """Lower case, ASCII punctuation removed, the words a, an and the removed, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def squad_exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1 if the prediction equals any gold answer after normalisation, otherwise 0."""
    return float(any(normalise_answer(prediction) == normalise_answer(answer) for answer in answers))


def squad_f1(prediction: str, answers: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over the bags of normalised tokens; the best of the gold answers, 0..1."""
    return max((_token_f1(prediction, answer) for answer in answers), default=0.0)


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1 if the prediction equals any gold answer but for surrounding white space, otherwise 0."""
    return float(prediction.strip() in {answer.strip() for answer in answers})


def score_predictions(kind: TaskKind, examples: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One score for each example and metric.

    Args:
        examples: of one split; `example_id`, `label`, `answers`.
        predictions: `example_id` and `label` (classification) or `text`; those of other examples are ignored.

    Returns:
        `example_id, metric, score` (0..1), sorted by metric (primary first) and example.

    Raises:
        ArtefactError: an example is predicted not at all, or twice.
    """
    wanted = predictions[predictions["example_id"].isin(set(examples["example_id"]))]
    if wanted["example_id"].duplicated().any():
        twice = wanted.loc[wanted["example_id"].duplicated(), "example_id"].iloc[0]
        raise ArtefactError(f"predictions: the example {twice} is predicted more than once")
    merged = examples.merge(wanted, on="example_id", how="left", suffixes=("", "_predicted"), indicator=True)
    missing = merged.loc[merged["_merge"] == "left_only", "example_id"]
    if len(missing):
        raise ArtefactError(
            f"predictions: {len(missing)} of {len(merged)} examples are missing, the first is {missing.iloc[0]}; "
            "they were made from other examples: delete them, so that they are made again"
        )
    merged = merged.sort_values("example_id")
    scores: dict[str, list[float]] = {}
    if kind == "classification":
        scores["accuracy"] = (merged["label"] == merged["label_predicted"]).astype(float).tolist()
    else:
        texts = merged["text_predicted"] if "text_predicted" in merged else merged["text"]
        pairs = list(zip(texts, merged["answers"], strict=True))
        scores = {name: [_SCORES[kind][name](text, list(gold)) for text, gold in pairs] for name in metrics(kind)}
    return pd.concat(
        [
            pd.DataFrame({"example_id": merged["example_id"], "metric": name, "score": scores[name]})
            for name in metrics(kind)
        ],
        ignore_index=True,
    )


def constant_baselines(kind: TaskKind, train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """What answers that ignore the input score on `test`; each is chosen on `train`.

    Returns:
        `metric, baseline, answer, score` (mean over test, 0..1). Baselines: `majority class` (classification);
        `most frequent answer` and `empty answer` (the other kinds).
    """
    if kind == "classification":
        label = int(np.bincount(train["label"]).argmax())
        score = float((test["label"] == label).mean())
        answer = train["choices"].iloc[0][label]
        return pd.DataFrame([{"metric": "accuracy", "baseline": "majority class", "answer": answer, "score": score}])
    rows = []
    for baseline, answer in {"most frequent answer": _most_frequent(kind, train), "empty answer": ""}.items():
        for metric in metrics(kind):
            score = sum(_SCORES[kind][metric](answer, list(gold)) for gold in test["answers"]) / len(test)
            rows.append({"metric": metric, "baseline": baseline, "answer": answer, "score": score})
    return pd.DataFrame(rows)


def _token_f1(prediction: str, answer: str) -> float:
    predicted, gold = normalise_answer(prediction).split(), normalise_answer(answer).split()
    common = (Counter(predicted) & Counter(gold)).total()
    return 2 * common / (len(predicted) + len(gold)) if common else 0.0


def _most_frequent(kind: TaskKind, train: pd.DataFrame) -> str:
    """The first gold answer of most training examples, in its commonest spelling; ties go to the alphabet."""
    normalise = normalise_answer if kind == "extractive-qa" else str.strip
    answers = [gold[0] for gold in train["answers"]]
    meaning = _commonest([normalise(answer) for answer in answers])
    return _commonest([answer for answer in answers if normalise(answer) == meaning])


def _commonest(values: list[str]) -> str:
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0]))[0]


_SCORES: dict[TaskKind, dict[str, Callable[[str, Sequence[str]], float]]] = {
    "extractive-qa": {"f1": squad_f1, "exact_match": squad_exact_match},
    "generation": {"exact_match": exact_match},
}
