"""Tests of one run against another, by published numbers and enumeration."""

from itertools import product

import numpy as np
import pytest
from potstill.statistics.one_seed import mcnemar_exact, sign_flips
from scipy import stats


def disagreements(only_a, only_b):
    return np.r_[np.ones(only_a), np.zeros(only_b)], np.r_[np.zeros(only_a), np.ones(only_b)]


@pytest.mark.parametrize(
    ("only_a", "only_b", "p", "digits"),
    [(86, 150, 3.716e-5, 5e-9), (80, 120, 0.005685, 5e-7)],  # the table of Agresti 1990, p. 350; the second [computed]
)
def test_mcnemar(only_a, only_b, p, digits):
    assert mcnemar_exact(*disagreements(only_a, only_b)) == pytest.approx(p, abs=digits)
    assert mcnemar_exact(*disagreements(only_a, only_b)) == pytest.approx(
        stats.binomtest(only_a, only_a + only_b).pvalue
    )


def test_sign_flips_of_few_differences_are_enumerated():
    difference = np.array([0.5, -0.2, 0.0, 0.9, 0.4, 0.3])
    flips = [abs(np.dot(signs, difference)) for signs in product((1, -1), repeat=6)]
    expected = np.mean(np.array(flips) >= abs(difference.sum()) - 1e-12)
    assert sign_flips(difference, None) == pytest.approx(expected)
    assert sign_flips(-difference, None) == sign_flips(difference, None)


def test_sign_flips_of_right_or_wrong_scores_are_mcnemar():
    """9,999 flips: the standard error of p = 0.02 is 0.0014."""
    a, b = disagreements(30, 50)
    assert sign_flips(a - b, None) == pytest.approx(mcnemar_exact(a, b), abs=0.006)
    assert sign_flips(a - b, None) == sign_flips((a - b)[::-1], None)  # fixed seed, and order says nothing


def test_a_cluster_is_flipped_as_one():
    """Every example four times over: the p-value is that of the single ones, where independent copies would look sure."""
    rng = np.random.default_rng(2)
    difference = rng.normal(0.25, 1, 40).round(2)
    copies, clusters = np.repeat(difference, 4), np.repeat(np.arange(40), 4)
    assert sign_flips(copies, clusters) == pytest.approx(sign_flips(difference, None))
    assert sign_flips(copies, None) < sign_flips(difference, None) / 4


def test_no_difference_at_all():
    assert sign_flips(np.zeros(10), None) == 1.0
    assert mcnemar_exact(np.ones(5), np.ones(5)) == 1.0


def test_sign_flips_hold_their_level():
    rng = np.random.default_rng(4)
    p = [sign_flips(rng.choice([-1.0, -0.3, 0.3, 1.0], 12), None) for _ in range(300)]
    assert np.sum(np.array(p) <= 0.05) <= stats.binom.isf(1e-4, 300, 0.05)
    assert min(p) < 0.05
