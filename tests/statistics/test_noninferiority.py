"""Does a student keep a share of its teacher's score? Against reference numbers, the test turned round, and edge cases."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.statistics.noninferiority import COLUMNS, excess, lower_bound, retentions
from scipy import stats
from test_intervals import both_right


@pytest.mark.parametrize(("margin", "t", "p"), [(0.97, 0.6169, 0.2687), (0.95, 2.9643, 0.001535)])
def test_reference_numbers(margin, t, p):
    """n = 2000, both right 1500, only the student 80, only the teacher 120."""
    estimate = excess(*both_right(1500, 80, 120, 2000), margin, None)
    assert estimate.value / estimate.se == pytest.approx(t, abs=5e-5)
    assert estimate.p_greater == pytest.approx(p, abs=5e-5)
    z = np.subtract(
        *(np.ravel(x) * factor for x, factor in zip(both_right(1500, 80, 120, 2000), (1, margin), strict=True))
    )
    assert estimate.p_greater == pytest.approx(stats.ttest_1samp(z, 0, alternative="greater").pvalue)


@given(st.integers(1, 4), st.integers(0, 10_000))
def test_bound_and_test_agree(seeds, draw):
    rng = np.random.default_rng(draw)
    ease = rng.random(60)
    student, teacher = (rng.random((seeds, 60)) < ease) * 1.0, (rng.random(60) < ease + 0.2) * 1.0
    bound = lower_bound(student, teacher, None, 0.95)
    assert 0 <= bound <= student.mean() / teacher.mean()
    for margin in (bound * 0.999, bound * 1.001):
        if margin > 0:
            assert (excess(student, teacher, margin, None).p_greater < 0.05) == (margin < bound)


def test_bound_of_the_reference_is_near_the_delta_interval():
    """One-sided 97.5 % is the lower end of the two-sided 95 % interval, .9584, up to the linearisation."""
    assert lower_bound(*both_right(1500, 80, 120, 2000), None, 0.975) == pytest.approx(0.9584, abs=3e-4)


def test_copies_in_a_cluster_change_nothing():
    student, teacher = both_right(50, 4, 10, 80)
    copies = np.repeat(student, 3, axis=1), np.repeat(teacher, 3)
    clusters = np.repeat(np.arange(80), 3)
    assert lower_bound(*copies, clusters, 0.95) == pytest.approx(lower_bound(student, teacher, None, 0.95))
    assert lower_bound(*copies, None, 0.95) > lower_bound(student, teacher, None, 0.95)


def test_edges():
    student, teacher = both_right(50, 4, 10, 80)
    assert np.isnan(lower_bound(student, np.zeros(80), None, 0.95))
    assert lower_bound(np.zeros((3, 80)), teacher, None, 0.95) == 0.0
    assert lower_bound(teacher[None], teacher, None, 0.95) == pytest.approx(1)  # the teacher keeps all of itself
    assert excess(teacher[None], teacher, 1.0, None).p_greater == 1.0


@pytest.fixture(scope="module")
def table(cells, runs):
    return retentions(cells, runs, margin=0.8, confidence=0.95, family="task", power=0.8)


def test_rows_are_those_of_the_summary(table, runs, cells):
    assert list(table) == COLUMNS
    students = runs[runs.selected & (runs.role == "student")]
    teachers = runs[runs.role == "teacher"].set_index("task").test_score
    means = students.groupby(["task", "student", "method"]).test_score.mean()
    assert len(table) == len(means) == 16
    for row in table.itertuples():
        expected = means[row.task, row.student, row.method] / teachers[row.task]
        assert row.retention == pytest.approx(expected)
        assert row.lower_bound < row.retention
        assert row.parameters == {"minilm-6l": 22_700_000, "minilm-2l": 15_600_000}[row.student]
        assert row.teacher_parameters == 134_500_000
        assert (row.p < 0.05) == (row.lower_bound > 0.8)
    assert table.keeps.equals(table.p_holm < 0.05)
    assert 0 < table.keeps.sum() < 16
    assert (table.p_holm >= table.p).all()
    assert table.note.str.contains("one seed").equals(table.task == "squad")


def test_what_would_have_shown_lies_above_the_margin(table, cells):
    """A true retention of `detectable` lies as far above the margin as the one-sided test needs for its power."""
    assert (table.detectable > 0.8).all()
    row = table.query("task == 'sentiment' and student == 'minilm-6l' and method == 'kd2'").iloc[0]
    student = cells["sentiment", "student", "minilm-6l", "kd2", "-", "accuracy"].scores
    teacher = cells["sentiment", "teacher", "smollm2-135m", "teacher", "-", "accuracy"].scores[0]
    estimate = excess(student, teacher, 0.8, None)
    effect = (row.detectable - 0.8) * teacher.mean() / estimate.se
    critical = stats.t.ppf(0.95, estimate.df)
    assert stats.nct.sf(critical, estimate.df, effect) == pytest.approx(0.8, abs=1e-6)


def test_a_wider_family_corrects_more(table, cells, runs):
    wide = retentions(cells, runs, margin=0.8, confidence=0.95, family="experiment", power=0.8)
    assert (wide.p_holm >= table.p_holm - 1e-12).all()
    assert (wide.p_holm > table.p_holm).any()


def test_a_teacher_that_scores_nothing_has_no_share(cells, runs):
    flat = {k: dataclasses.replace(c, scores=0 * c.scores) if k[1] == "teacher" else c for k, c in cells.items()}
    table = retentions(flat, runs, margin=0.97, confidence=0.95, family="task", power=0.8)
    assert table[["retention", "lower_bound", "p", "p_holm", "detectable"]].isna().all(axis=None)
    assert not table.keeps.any()
    assert table.note.str.contains("the teacher scores 0").all()
