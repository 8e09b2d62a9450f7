"""Intervals against published values, scipy's bootstrap and each other."""

import numpy as np
import pytest
from potstill.statistics.intervals import interval_of_score, retention, wilson
from scipy import stats


def both_right(both, only_student, only_teacher, n):
    """Right-or-wrong scores [1, n] and [n] with the given counts."""
    student, teacher = np.zeros(n), np.zeros(n)
    student[: both + only_student] = 1
    teacher[:both] = 1
    teacher[both + only_student : both + only_student + only_teacher] = 1
    return student[None], teacher


@pytest.mark.parametrize(("right", "n", "low", "high"), [(1580, 2000, 0.77160, 0.80729), (8, 10, 0.49016, 0.94332)])
def test_wilson(right, n, low, high):
    assert wilson(right, n, 0.95) == pytest.approx((low, high), abs=1e-5)
    scores = (np.arange(n) < right).astype(float)[None]
    assert interval_of_score(scores, None, 0.95) == wilson(right, n, 0.95)


def test_all_right_is_not_certain():
    assert interval_of_score(np.ones((1, 50)), None, 0.95)[0] == pytest.approx(wilson(50, 50, 0.95)[0])
    low, high = interval_of_score(np.ones((3, 50)), None, 0.95)
    assert low < 0.95
    assert high == pytest.approx(1)


def test_all_right_in_few_clusters_counts_the_clusters():
    clusters = np.repeat(np.arange(5), 10)
    assert interval_of_score(np.ones((1, 50)), clusters, 0.95) == pytest.approx(wilson(5, 5, 0.95))


def test_more_seed_variance_widens_the_interval():
    rng = np.random.default_rng(0)
    base = rng.random(200)
    steady = np.stack([base < 0.7] * 3).astype(float)
    shaky = np.stack([base < 0.6, base < 0.7, base < 0.8]).astype(float)
    widths = [np.diff(interval_of_score(scores, None, 0.95))[0] for scores in (steady, shaky)]
    assert widths[1] > 2 * widths[0]


def test_partial_scores_stay_within_0_and_1():
    low, high = interval_of_score(np.array([[1.0, 1.0, 1.0, 0.9]]), None, 0.95)
    assert 0 <= low < high == 1


def test_retention_has_the_reference_values():
    """n = 2000, both right 1500, only the student 80, only the teacher 120."""
    student, teacher = both_right(1500, 80, 120, 2000)
    ratio, low, high = retention(student, teacher, None, 0.95)
    assert (ratio, low, high) == pytest.approx((0.97531, 0.9584, 0.9922), abs=1e-4)


def test_retention_agrees_with_the_bootstrap():
    student, teacher = both_right(700, 60, 110, 1000)
    _, low, high = retention(student, teacher, None, 0.95)
    bootstrap = stats.bootstrap(
        (student[0], teacher),
        lambda s, t, axis: s.mean(axis=axis) / t.mean(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=4000,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    # 4,000 resamples put an end of the interval within about 3 % of its width.
    assert (low, high) == pytest.approx(tuple(bootstrap), abs=0.06 * (high - low))


def test_the_teacher_retains_itself():
    _, teacher = both_right(70, 6, 11, 100)
    ratio, *interval = retention(teacher[None], teacher, None, 0.95)
    assert ratio == 1
    assert np.isnan(interval).all()  # by definition: nothing varies


def test_retention_of_nothing_is_unknown():
    assert np.isnan(retention(np.ones((1, 5)), np.zeros(5), None, 0.95)).all()
