"""Metrics against the documented rules of SQuAD v1.1's evaluation, written here a second time, and simple truths."""

import re
import string
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.errors import ArtefactError
from potstill.tasks import metrics

words = st.lists(st.sampled_from(["The", "a", "cat", "Cat's", "sat,", "on", "an", "U.S.", "café", "7"]), max_size=6)
answers = st.one_of(words.map(" ".join), st.text(max_size=30))


def reference_normalise(text: str) -> str:
    """Character by character: lower case; no ASCII punctuation; articles out as whole words; spaces collapsed."""
    kept = "".join(character for character in text.lower() if character not in set(string.punctuation))
    without_articles = re.split(r"\b(?:a|an|the)\b", kept)
    return " ".join(" ".join(without_articles).split())


def reference_f1(prediction: str, answer: str) -> float:
    predicted, gold = reference_normalise(prediction).split(), reference_normalise(answer).split()
    rest = list(gold)
    same = 0
    for token in predicted:
        if token in rest:
            rest.remove(token)
            same += 1
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted), same / len(gold)
    return 2 * precision * recall / (precision + recall)


@given(answers, st.lists(answers, min_size=1, max_size=4))
def test_agrees_with_the_rules_written_a_second_time(prediction: str, gold: list[str]) -> None:
    assert metrics.normalise_answer(prediction) == reference_normalise(prediction)
    assert metrics.squad_f1(prediction, gold) == pytest.approx(max(reference_f1(prediction, g) for g in gold))
    expected = any(reference_normalise(prediction) == reference_normalise(g) for g in gold)
    assert metrics.squad_exact_match(prediction, gold) == expected


@pytest.mark.parametrize(
    ("prediction", "gold", "exact", "f1"),
    [
        ("the Eiffel Tower.", ["Eiffel Tower"], 1, 1),
        ("Eiffel", ["Eiffel Tower"], 0, 2 / 3),
        ("a tower in Paris", ["the tower"], 0, 1 / 2),
        ("Theodore", ["odore"], 0, 0),  # `the` goes as a word only
        ("Saint Bernadette Soubirous", ["Bernadette", "Saint Bernadette Soubirous"], 1, 1),
        ("new new york", ["new york"], 0, 4 / 5),  # a repeated token counts once
        ("new new", ["new york new"], 0, 4 / 5),
        ("U.S.", ["US"], 1, 1),
        ("100,000", ["100000"], 1, 1),
        ("high-rise", ["high rise"], 0, 0),  # punctuation is removed, not turned into a space
        ("CAFÉ", ["café"], 1, 1),
        ("“quoted”", ["quoted"], 0, 0),  # only ASCII punctuation goes
        ("", ["France"], 0, 0),
        ("the", ["a"], 1, 0),  # both are empty once normalised
        ("  two\n words ", ["two words"], 1, 1),
    ],
)
def test_documented_cases(prediction: str, gold: list[str], exact: float, f1: float) -> None:
    assert metrics.squad_exact_match(prediction, gold) == exact
    assert metrics.squad_f1(prediction, gold) == pytest.approx(f1)


@given(answers, st.lists(answers, min_size=1, max_size=4))
def test_scores_are_bounded_and_a_further_gold_answer_never_hurts(prediction: str, gold: list[str]) -> None:
    for score in (metrics.squad_f1, metrics.squad_exact_match, metrics.exact_match):
        values = [score(prediction, gold[:n]) for n in range(len(gold) + 1)]
        assert values == sorted(values)
        assert values[0] == 0
        assert values[-1] <= 1
        assert score(prediction, gold) == score(prediction, gold[::-1])


@given(answers, answers)
def test_f1_is_symmetric_and_one_for_equal_answers(one: str, other: str) -> None:
    assert metrics.squad_f1(one, [other]) == pytest.approx(metrics.squad_f1(other, [one]))
    if metrics.normalise_answer(one):
        assert metrics.squad_f1(one, [one]) == 1


def test_generation_forgives_surrounding_space_and_nothing_else() -> None:
    assert metrics.exact_match(" 42\n", ["41", "42"]) == 1
    assert metrics.exact_match("The answer", ["the answer"]) == 0


def examples(n: int, kind: str) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, n) if kind == "classification" else np.full(n, -1)
    gold = [[f"answer {i}", "other"] for i in range(n)]
    return pd.DataFrame(
        {"example_id": [f"{i:04d}" for i in range(n)], "label": labels, "answers": gold, "text": "input"}
    )


def test_accuracy_does_not_depend_on_the_order_of_predictions_nor_on_those_of_other_splits() -> None:
    gold = examples(50, "classification")
    generator = np.random.default_rng(1)
    predicted = pd.DataFrame({"example_id": [f"{i:04d}" for i in range(80)], "label": generator.integers(0, 3, 80)})
    expected = float(np.mean(gold["label"].to_numpy() == predicted["label"].to_numpy()[:50]))
    scores = metrics.score_predictions("classification", gold, predicted.sample(frac=1, random_state=2))
    assert list(scores.columns) == ["example_id", "metric", "score"]
    assert list(scores["example_id"]) == sorted(gold["example_id"])
    assert scores["score"].mean() == pytest.approx(expected)
    assert set(scores["metric"]) == {"accuracy"} == {metrics.primary_metric("classification")}


@pytest.mark.parametrize("kind", ["extractive-qa", "generation"])
def test_generated_text_is_compared_with_the_answers_not_with_the_input(kind: metrics.TaskKind) -> None:
    gold = examples(4, kind)
    predicted = pd.DataFrame(
        {"example_id": gold["example_id"], "label": -1, "text": ["answer 0", "other", "input", ""]}
    )
    scores = metrics.score_predictions(kind, gold, predicted).pivot(
        index="example_id", columns="metric", values="score"
    )
    assert list(scores["exact_match"]) == [1, 1, 0, 0]
    assert set(scores.columns) == set(metrics.metrics(kind))
    unlike = metrics.score_predictions(kind, gold.drop(columns="text"), predicted)
    assert list(unlike["score"]) == list(metrics.score_predictions(kind, gold, predicted)["score"])


def test_missing_and_repeated_predictions_are_refused() -> None:
    gold = examples(5, "classification")
    with pytest.raises(ArtefactError, match="2 of 5 examples are missing, the first is 0003"):
        metrics.score_predictions("classification", gold, gold.iloc[:3])
    with pytest.raises(ArtefactError, match="0001 is predicted more than once"):
        metrics.score_predictions("classification", gold, pd.concat([gold, gold.iloc[1:2]]))


def test_the_majority_class_is_that_of_train() -> None:
    choices = [[" no", " yes"]] * 4
    train = pd.DataFrame({"label": [1, 1, 1, 0], "answers": [[" yes"]] * 4, "choices": choices})
    test = pd.DataFrame({"label": [0, 0, 0, 1], "answers": [[" no"]] * 4, "choices": choices})
    baseline = metrics.constant_baselines("classification", train, test).to_dict("records")
    assert baseline == [{"metric": "accuracy", "baseline": "majority class", "answer": " yes", "score": 0.25}]


def test_the_most_frequent_answer_is_counted_by_meaning_and_scored_on_test() -> None:
    train = pd.DataFrame({"answers": [["The US."], ["us", "x"], ["The US."], ["France"], ["France"]]})
    test = pd.DataFrame({"answers": [["US", "America"], ["US army"], ["Spain"], ["France"]]})
    table = metrics.constant_baselines("extractive-qa", train, test).set_index(["baseline", "metric"])["score"]
    assert table["most frequent answer", "exact_match"] == 1 / 4
    assert table["most frequent answer", "f1"] == pytest.approx((1 + 2 / 3) / 4)
    assert table["empty answer"].tolist() == [0, 0]
    answer = metrics.constant_baselines("generation", train, test)["answer"].iloc[0]
    assert answer == min(k for k, n in Counter(a[0] for a in train["answers"]).items() if n == 2)
