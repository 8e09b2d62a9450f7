"""What is answered how often, and warnings: planted shortcuts are found, honest students are left alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from potstill.analysis.shortcuts import EMPTY, OTHERS, WARNING_SCHEMA, distance, options, warnings
from potstill.plan.specs.analyse import ErrorAnalysisSettings
from potstill.tables import read_frame
from small_results import answered, classified

N = 400
SETTINGS = ErrorAnalysisSettings()


def right_with(rng, gold, probability, seeds=3):
    """Labels that are right with this probability, whatever the gold label."""
    return [np.where(rng.random(len(gold)) < probability, gold, 1 - gold) for _ in range(seeds)]


def warned(folder, results, settings=SETTINGS):
    return warnings([results], read_frame(folder / "baselines.parquet"), settings, 0.95)


@pytest.fixture
def gold():
    return np.random.default_rng(0).integers(0, 2, N)


def test_an_honest_student_is_not_warned_about(tmp_path, gold):
    rng = np.random.default_rng(1)
    results = classified(tmp_path, gold, right_with(rng, gold, 0.9)[0], {"kd": right_with(rng, gold, 0.7)})
    assert list(warned(tmp_path, results)) == WARNING_SCHEMA.names
    assert len(warned(tmp_path, results)) == 0


def test_honest_students_are_seldom_warned_about(tmp_path):
    """A hundred students of 60 % on 150 examples: an excess of 15 points is 3 standard errors."""
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 2, 150)
    students = {f"kd{i}": right_with(rng, gold, 0.6, 2) for i in range(100)}
    table = warned(tmp_path, classified(tmp_path, gold, gold, students))
    assert (table.kind != "constant").sum() == 0


def test_a_student_that_mostly_says_one_thing_is_found(tmp_path, gold):
    rng = np.random.default_rng(3)
    planted = [np.where(rng.random(N) < 0.6, 1, labels) for labels in right_with(rng, gold, 0.9)]
    results = classified(tmp_path, gold, gold, {"honest": right_with(rng, gold, 0.8), "planted": planted})
    table = warned(tmp_path, results)
    assert table.method.tolist() == ["planted"]
    row = table.iloc[0]
    assert row.kind == "option"
    share = 100 * np.mean(planted)
    assert row.text == (
        f"it answers 'positive' in {share:.1f} % of the test examples (gold in {100 * gold.mean():.1f} %, the teacher in "
        f"{100 * gold.mean():.1f} %)"
    )
    shy = ErrorAnalysisSettings(excess=0.5)
    assert len(warned(tmp_path, results, shy)) == 0


def test_a_habit_of_one_seed_is_a_habit_of_the_trained_models(tmp_path, gold):
    """With two seeds that differ so much, an interval over other seeds would hold anything."""
    mostly = np.where(np.arange(N) % 50 == 0, gold, 1)
    table = warned(tmp_path, classified(tmp_path, gold, gold, {"kd": [gold, mostly]}))
    assert "option" in table.kind.tolist()


@pytest.mark.parametrize(("n", "found"), [(12, []), (120, ["option"])])
def test_a_few_examples_are_no_habit(tmp_path, n, found):
    """One answer in six is wrong, and always the same way."""
    gold = np.arange(n) % 2
    students = [np.where(np.arange(n) % 6 == 0, 1, gold)]
    assert warned(tmp_path, classified(tmp_path, gold, gold, {"kd": students})).kind.tolist() == found


def test_a_score_that_a_constant_answer_reaches_is_told(tmp_path, gold):
    guesses = [np.random.default_rng(seed).integers(0, 2, N) for seed in range(3)]
    worse = [np.where(np.random.default_rng(9).random(N) < 0.2, gold, 1 - gold)]
    table = warned(tmp_path, classified(tmp_path, gold, gold, {"guess": guesses, "worse": worse})).set_index("method")
    assert table.kind.tolist() == ["constant", "constant"]
    constant = f"{100 * (gold == 0).mean():.1f} % that always answering 'negative' scores (majority class)"
    assert f"cannot be told from the {constant}" in table.text["guess"]
    assert f"is below the {constant}" in table.text["worse"]


def test_one_collapsed_seed_is_found_among_good_ones(tmp_path, gold):
    seeds = [gold, np.ones(N, dtype=int), gold]
    table = warned(tmp_path, classified(tmp_path, gold, gold, {"kd": seeds}))
    found = table[table.kind == "one answer"]
    assert found.text.tolist() == [f"it gives the same answer to all {N} test examples with seed 1: 'positive'"]


def test_a_teacher_that_takes_a_shortcut_is_told_as_well(tmp_path, gold):
    table = warned(tmp_path, classified(tmp_path, gold, np.ones(N, dtype=int), {"kd": [gold]}))
    assert set(table.student) == {"big"}
    assert "the teacher" not in " ".join(table.text)


def test_a_test_set_with_one_answer_accuses_nobody_of_giving_it(tmp_path):
    table = warned(tmp_path, classified(tmp_path, [1] * 50, [1] * 50, {"kd": [[1] * 50]}))
    assert set(table.kind) <= {"constant"}


def test_diverged_logits_are_told(tmp_path, gold):
    logits = {"teacher": np.ones((N, 2)), "kd": np.stack([np.ones((N, 2)), np.full((N, 2), np.nan)])}
    table = warned(tmp_path, classified(tmp_path, gold, gold, {"kd": [gold, gold]}, logits=logits))
    assert table.kind.tolist() == ["not finite"]
    assert "with seed 1" in table.text[0]


def questions(tmp_path, students, n=100):
    gold = [[f"thing {i}"] for i in range(n)]
    return answered(tmp_path, "extractive-qa", gold, [answers[0] for answers in gold], students)


def test_answers_in_words_empty_ones_and_parrots(tmp_path):
    good = [f"The thing {i}!" for i in range(100)]
    silent = [text if i % 10 else " the " for i, text in enumerate(good)]
    parrot = [text if i % 4 else "Paris" for i, text in enumerate(good)]
    table = warned(tmp_path, questions(tmp_path, {"good": [good], "silent": [silent], "parrot": [parrot]}))
    assert table[["method", "kind"]].values.tolist() == [["silent", "empty"], ["parrot", "option"]]
    assert (
        table.text[0]
        == "it leaves the answer empty in 10.0 % of the test examples (gold in 0.0 %, the teacher in 0.0 %)"
    )
    assert "'paris' in 25.0 %" in table.text[1]


def test_constant_answers_count_for_words_too(tmp_path):
    results = questions(tmp_path, {"kd": [["Oslo"] * 100]})
    columns = ["task", "metric", "baseline", "answer", "score"]
    rows = [["t", "f1", "most frequent answer", "two", 0.02], ["t", "f1", "empty answer", "", 0.0]]
    rows += [
        ["t", "exact_match", "most frequent answer", "two", 0.9],
        ["other", "f1", "most frequent answer", "x", 0.9],
    ]
    table = warnings([results], pd.DataFrame(rows, columns=columns), SETTINGS, 0.95)
    text = table[table.kind == "constant"].text.item()
    assert "always answering 'two' scores (most frequent answer)" in text
    assert "2.0 %" in text


@pytest.mark.parametrize(("given", "score"), [("Oslo", 0.0), ("thing", 0.6667)])
def test_scores_without_an_interval_of_their_own(tmp_path, given, score):
    """All wrong, or the same F1 on every example: what is no better than the constant answer is told all the same."""
    table = pd.DataFrame(
        {"task": ["t"], "metric": ["f1"], "baseline": ["empty answer"], "answer": [""], "score": [score]}
    )
    found = warnings([questions(tmp_path, {"kd": [[given] * 24]}, 24)], table, SETTINGS, 0.95)
    assert found[found.kind == "constant"].method.tolist() == ["kd"]


def test_shares_are_those_of_gold_teacher_and_students(tmp_path):
    students = {"kd": [[0, 0, 1, 1], [0, 0, 0, 0]]}
    table = options([classified(tmp_path, [0, 1, 1, 1], [0, 0, 1, 1], students)], 10)
    wide = table.pivot(index="method", columns="option", values="share")
    assert wide.loc["gold"].tolist() == [0.25, 0.75]
    assert wide.loc["teacher"].tolist() == [0.5, 0.5]
    assert wide.loc["kd"].tolist() == [0.75, 0.25]
    distances = table.drop_duplicates("method").set_index("method")
    assert distances.distance_gold.to_dict() == {"gold": 0, "teacher": 0.25, "kd": 0.5}
    assert distances.distance_teacher.to_dict() == {"gold": 0.25, "teacher": 0, "kd": 0.25}


def test_words_are_counted_by_name_where_anybody_gives_them_often(tmp_path):
    gold = [["red"], ["red"], ["blue"], ["green"], ["pink"], ["grey"]]
    teacher = ["The red", "yes", "teal", "", "", "teal"]
    students = {"kd": [["yes"] * 6, ["yes", "yes", "yes", "", "no", "no"]]}
    table = options([answered(tmp_path, "extractive-qa", gold, teacher, students)], 2)
    wide = table.pivot(index="role", columns="option", values="share")
    assert set(wide) == {"yes", "red", EMPTY, OTHERS}
    assert wide.loc["gold", ["red", "yes", EMPTY, OTHERS]].tolist() == pytest.approx([2 / 6, 0, 0, 4 / 6])
    assert wide.loc["teacher", ["red", "yes", EMPTY, OTHERS]].tolist() == pytest.approx([1 / 6, 1 / 6, 2 / 6, 2 / 6])
    assert wide.loc["student", ["red", "yes", EMPTY, OTHERS]].tolist() == pytest.approx([0, 9 / 12, 1 / 12, 2 / 12])
    assert table.groupby("method").share.sum().to_numpy() == pytest.approx(1)


shares = arrays(float, 4, elements=st.floats(0.01, 1)).map(lambda x: x / x.sum())


@given(shares, shares, shares)
def test_total_variation_is_a_distance(a, b, c):
    assert distance(a, a) == 0
    assert 0 <= distance(a, b) <= 1
    assert distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-12
    assert distance(a, b) == pytest.approx(np.maximum(a - b, 0).sum())
