"""Agreement and fidelity: hand-made cases, identities, and other libraries' numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.analysis.agreement import SCHEMA, agreement, kl, parts
from scipy.special import rel_entr, softmax
from sklearn.metrics import cohen_kappa_score
from small_results import answered, classified

FIVE = ["both_right", "inherited", "both_wrong_differently", "unlearned", "only_student"]


def test_each_kind_of_example_is_counted_where_it_belongs(tmp_path):
    """Ten questions: 4 both right, 1 inherited, 2 wrong in another way, 2 unlearned, 1 right against the teacher."""
    gold = [["Paris", "the city of Paris"]] * 10
    teacher = ["Paris"] * 4 + ["Rome", "Rome", "Rome"] + ["Paris"] * 2 + ["Rome"]
    student = ["paris.", "the Paris", "City of Paris", "Paris", "the Rome!", "Oslo", "", "Oslo", "", "Paris"]
    row = agreement([answered(tmp_path, "extractive-qa", gold, teacher, {"kd": [student]})], 0.95).iloc[0]
    assert row[FIVE].tolist() == [0.4, 0.1, 0.2, 0.2, 0.1]
    assert row.inherited_share == pytest.approx(1 / 5)
    # The third is right by another gold answer than the teacher's: both right, but not the same answer.
    assert row.agreement == 0.4
    assert row.agreement_teacher_right == pytest.approx(3 / 6)
    assert row.agreement_teacher_wrong == pytest.approx(1 / 4)
    assert (row.accuracy, row.teacher_accuracy, row.n_examples) == (0.5, 0.6, 10)
    assert np.isnan(row.kl)


def test_the_same_answer_is_what_the_tasks_own_metric_takes_for_the_same(tmp_path):
    gold, teacher, student = [["A b"]] * 2, ["x Y", "x Y"], [" x Y\n", "x y"]
    generated = agreement([answered(tmp_path / "g", "generation", gold, teacher, {"kd": [student]})], 0.95)
    extracted = agreement([answered(tmp_path / "e", "extractive-qa", gold, teacher, {"kd": [student]})], 0.95)
    assert generated.agreement.tolist() == [0.5]
    assert extracted.agreement.tolist() == [1.0]


def test_right_is_an_exact_match_where_the_metric_is_graded(tmp_path):
    results = answered(tmp_path, "extractive-qa", [["big dog"]] * 2, ["big dog"] * 2, {"kd": [["dog big", "big dog"]]})
    row = agreement([results], 0.95).iloc[0]
    assert results.students[0].scores.tolist() == [[1.0, 1.0]]
    assert (row.accuracy, row.unlearned) == (0.5, 0.5)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_the_five_parts_are_a_partition(triples, random):
    teacher, student, same = np.array(triples).T
    same = same | (teacher & student)
    same &= teacher == student  # the same answer is right for both or for none
    found = parts(teacher, student, same)
    assert sum(found[name] for name in FIVE) == pytest.approx(1)
    assert found["both_right"] + found["only_student"] == pytest.approx(found["accuracy"])
    assert found["both_right"] + found["unlearned"] == pytest.approx(found["teacher_accuracy"])
    assert found["both_right"] + found["inherited"] == pytest.approx(found["agreement"])
    order = list(range(len(teacher)))
    random.shuffle(order)
    assert parts(teacher[order], student[order], same[order]) == pytest.approx(found, nan_ok=True)


def test_error_consistency_is_cohens_kappa_of_being_right():
    rng = np.random.default_rng(0)
    teacher, student = rng.random(300) < 0.8, rng.random(300) < 0.6
    student[:100] = teacher[:100]
    found = parts(teacher, student, teacher == student)["error_consistency"]
    assert found == pytest.approx(cohen_kappa_score(teacher, student))
    assert parts(teacher, teacher, teacher == teacher)["error_consistency"] == pytest.approx(1)


def test_without_errors_there_is_no_share_of_them():
    right = np.ones(4, dtype=bool)
    found = parts(right, right, right)
    assert np.isnan([found["inherited_share"], found["agreement_teacher_wrong"], found["error_consistency"]]).all()
    assert found["agreement"] == found["agreement_teacher_right"] == 1


def test_of_two_classes_both_wrong_is_inherited(tmp_path):
    rng = np.random.default_rng(1)
    gold, teacher, *student = rng.integers(0, 2, (4, 60))
    table = agreement([classified(tmp_path, gold, teacher, {"kd": student})], 0.95)
    assert (table.both_wrong_differently == 0).all()
    assert table.seed.tolist() == [0, 1]
    assert list(table) == SCHEMA.names


def test_kl_is_that_of_the_softmaxes(tmp_path):
    rng = np.random.default_rng(2)
    gold, teacher, student = rng.integers(0, 3, 20), rng.normal(0, 2, (20, 3)), rng.normal(0, 2, (2, 20, 3))
    labels = {"kd": student.argmax(-1)}
    results = classified(
        tmp_path, gold, teacher.argmax(-1), labels, logits={"teacher": teacher, "kd": student}, words=["a", "b", "c"]
    )
    p, q = softmax(teacher.astype("float32"), axis=-1), softmax(student.astype("float32"), axis=-1)
    expected = rel_entr(p, q).sum(-1).mean(-1)
    assert agreement([results], 0.95).kl.to_numpy() == pytest.approx(expected, rel=1e-4)


def test_kl_is_nought_for_equal_distributions_and_never_below(tmp_path):
    rng = np.random.default_rng(3)
    teacher = rng.normal(0, 3, (30, 2))
    shifted = teacher + rng.normal(0, 5, (30, 1))  # logits are known up to a constant
    certain = teacher * 400  # probabilities of 0 to machine precision
    labels = teacher.argmax(-1)
    logits = {"teacher": teacher, "same": [shifted], "certain": [certain], "broken": [np.full((30, 2), np.nan)]}
    names = {method: [labels] for method in ("same", "certain", "broken")}
    results = classified(tmp_path, labels, labels, names, logits=logits)
    same, certain, broken = (kl(results.teacher, cell)[0] for cell in results.students)
    assert same == pytest.approx(0, abs=1e-6)
    assert 0 < certain < np.inf
    assert np.isnan(broken)


def test_the_interval_is_of_the_mean_over_seeds(tmp_path):
    rng = np.random.default_rng(4)
    gold = rng.integers(0, 2, 200)
    students = [np.where(rng.random(200) < 0.8, gold, 1 - gold) for _ in range(3)]
    table = agreement([classified(tmp_path, gold, gold, {"kd": students})], 0.95)
    low, high = table.agreement_low.unique().item(), table.agreement_high.unique().item()
    assert low < table.agreement.mean() < high
    wider = agreement([classified(tmp_path / "w", gold, gold, {"kd": students})], 0.99)
    assert wider.agreement_low.iloc[0] < low
    assert wider.agreement_high.iloc[0] > high
