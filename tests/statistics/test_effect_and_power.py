"""Effect sizes over seeds, and the power of the t-test, against published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.statistics.effect import (
    cohens_d,
    hedges_factor,
    hedges_g,
    interval_of_g,
    paired_t,
    probability_of_improvement,
)
from potstill.statistics.power import minimum_detectable_difference, power_of_t
from scipy import stats
from statsmodels.stats.power import TTestPower

A, B = np.array([0.712, 0.705, 0.719]), np.array([0.720, 0.716, 0.731])


def test_effects_of_a_worked_example():
    t, p = paired_t(B, A)
    assert (t, p) == pytest.approx(tuple(stats.ttest_rel(B, A)))
    assert p == pytest.approx(0.013, abs=5e-4)
    assert cohens_d(B, A) == pytest.approx(4.96, abs=5e-3)
    assert hedges_g(B, A) == pytest.approx(2.80, abs=5e-3)
    assert cohens_d(A, B) == -cohens_d(B, A)


def test_without_spread_there_is_no_effect_size():
    for method in (A, A + 0.1):  # the differences are equal up to rounding
        assert np.isnan(paired_t(method, A)).all()
        assert np.isnan(cohens_d(method, A))
    assert np.isnan(cohens_d(A[:1], B[:1]))
    assert np.isnan(hedges_g(A[:2], B[:2]))  # J(1) = 0


@pytest.mark.parametrize(("seeds", "factor"), [(3, 0.564), (5, 0.798), (10, 0.914)])
def test_hedges_factor(seeds, factor):
    assert hedges_factor(seeds - 1) == pytest.approx(factor, abs=5e-4)


def test_hedges_g_is_unbiased():
    """Mean of 40,000 simulated g at true d = 0.8, five seeds: within five standard errors (false alarm below 1e-6)."""
    rng = np.random.default_rng(3)
    difference = rng.normal(0.8, 1, (40_000, 5))
    g = difference.mean(1) / difference.std(1, ddof=1) * hedges_factor(4)
    assert abs(g.mean() - 0.8) < 5 * g.std() / np.sqrt(len(g))
    assert g[0] == pytest.approx(hedges_g(difference[0], np.zeros(5)))


@pytest.mark.parametrize("d", [-1.5, 0.0, 0.8, 3.0])
def test_the_interval_of_g_holds_the_true_effect(d):
    """5 % of 600 intervals miss it: outside these bounds with a probability below 1e-4."""
    rng = np.random.default_rng(5)
    draws, seeds = 600, 4
    sample = rng.normal(d, 1, (draws, seeds))
    g = sample.mean(1) / sample.std(1, ddof=1) * hedges_factor(seeds - 1)
    true = d * hedges_factor(seeds - 1)  # the interval is that of d, times the same factor as g
    ends = np.array([interval_of_g(value, seeds, 0.95) for value in g])
    missed = np.sum((ends[:, 0] > true) | (ends[:, 1] < true))
    assert stats.binom.ppf(1e-4, draws, 0.05) <= missed <= stats.binom.isf(1e-4, draws, 0.05)


def test_the_interval_of_g_is_symmetric_and_excludes_0_as_the_paired_t_does():
    low, high = interval_of_g(hedges_g(B, A), 3, 0.95)
    assert interval_of_g(hedges_g(A, B), 3, 0.95) == pytest.approx((-high, -low))
    assert low > 0
    p = paired_t(B, A)[1]
    assert interval_of_g(hedges_g(B, A), 3, 1 - p)[0] == pytest.approx(0, abs=1e-6)
    assert np.isnan(interval_of_g(float("nan"), 2, 0.95)).all()


@given(st.floats(-300, 300), st.integers(3, 12))
def test_the_interval_of_g_is_found_for_any_effect(g, seeds):
    low, high = interval_of_g(g, seeds, 0.95)
    assert low < g < high


def test_probability_of_improvement_of_rliable():
    """rliable's own test: two tasks, runs of x 1 2 1 2 and 2 2 1 1, of y 1 2 3: 1/3 on each (Agarwal et al. 2021)."""
    for x in ([1, 2, 1, 2], [2, 2, 1, 1]):
        assert probability_of_improvement(np.array(x), np.array([1, 2, 3])) == pytest.approx(1 / 3)
    assert probability_of_improvement(A, A) == 0.5
    assert probability_of_improvement(A + 1, A) == 1
    assert np.isnan(probability_of_improvement(A[:1], B))


@pytest.mark.parametrize(("n", "power"), [(3, 0.135), (5, 0.281), (10, 0.616)])
def test_power_at_d_08(n, power):
    assert power_of_t(0.8 * np.sqrt(n), n - 1, 0.95) == pytest.approx(power, abs=5e-4)
    assert power_of_t(0.8 * np.sqrt(n), n - 1, 0.95) == pytest.approx(TTestPower().power(0.8, n, 0.05), abs=1e-6)


@pytest.mark.parametrize(("n", "d"), [(3, 3.26), (5, 1.68), (10, 0.996)])
def test_detectable_effect_at_80_percent(n, d):
    assert minimum_detectable_difference(1 / np.sqrt(n), n - 1, 0.95, 0.8) == pytest.approx(d, abs=5e-3)


def test_one_sided_power_and_detectable_difference():
    """Textbook: TTestPower's one-sided power; less is needed than with two sides."""
    assert power_of_t(0.8 * np.sqrt(5), 4, 0.95, sides=1) == pytest.approx(
        TTestPower().power(0.8, 5, 0.05, alternative="larger"), abs=1e-6
    )
    found = minimum_detectable_difference(1, 9, 0.95, 0.8, sides=1)
    assert power_of_t(found, 9, 0.95, sides=1) == pytest.approx(0.8)
    assert found < minimum_detectable_difference(1, 9, 0.95, 0.8)


def test_seeds_for_80_percent_at_d_08():
    """14.3 pairs for d = 0.8, so 15 seeds."""
    assert TTestPower().solve_power(0.8, None, 0.05, 0.8) == pytest.approx(14.303, abs=1e-3)
    assert power_of_t(0.8 * np.sqrt(14), 13, 0.95) < 0.8 < power_of_t(0.8 * np.sqrt(15), 14, 0.95)


def test_nothing_varies_nothing_is_detectable():
    assert np.isnan(minimum_detectable_difference(0.0, 10, 0.95, 0.8))


@given(st.floats(1, 60), st.floats(0.8, 0.99), st.floats(0, 200))
def test_power_is_a_number_that_grows_with_the_effect(df, confidence, effect):
    """scipy's non-central t gives NaN far out on the wrong side, from an effect of about 8 at one degree of freedom."""
    powers = [power_of_t(effect * factor, df, confidence) for factor in (1, 1.5)]
    assert all(0 <= power <= 1 for power in powers)
    assert powers[0] <= powers[1] + 1e-6


@given(st.floats(1, 5), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_detectable_difference_is_found_at_few_degrees_of_freedom(df, confidence):
    found = minimum_detectable_difference(0.1, df, confidence, 0.8)
    assert power_of_t(found / 0.1, df, confidence) == pytest.approx(0.8, abs=1e-6)
