"""Effect sizes over seeds, power, and corrected p-values against published numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.statistics.effect import cohens_d, hedges_factor, hedges_g, paired_t
from potstill.statistics.multiplicity import holm
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


@pytest.mark.parametrize(("n", "power"), [(3, 0.135), (5, 0.281), (10, 0.616)])
def test_power_at_d_08(n, power):
    assert power_of_t(0.8 * np.sqrt(n), n - 1, 0.95) == pytest.approx(power, abs=5e-4)
    assert power_of_t(0.8 * np.sqrt(n), n - 1, 0.95) == pytest.approx(TTestPower().power(0.8, n, 0.05), abs=1e-6)


@pytest.mark.parametrize(("n", "d"), [(3, 3.26), (5, 1.68), (10, 0.996)])
def test_detectable_effect_at_80_percent(n, d):
    assert minimum_detectable_difference(1 / np.sqrt(n), n - 1, 0.95, 0.8) == pytest.approx(d, abs=5e-3)


@pytest.mark.parametrize(("runs", "difference"), [(1, 0.1327), (10, 0.0757)])
def test_detectable_difference_of_miller_2024(runs, difference):
    """Miller 2024, section 5: n = 198, variance between questions 1/9, within 1/6, K answers a question."""
    se = np.sqrt((1 / 9 + 2 / 6 / runs) / 198)
    assert minimum_detectable_difference(se, 1e9, 0.95, 0.8) == pytest.approx(difference, abs=1e-4)


def test_nothing_varies_nothing_is_detectable():
    assert np.isnan(minimum_detectable_difference(0.0, 10, 0.95, 0.8))


def test_holm_of_the_paper_examples():
    one = pd.Series("task", index=range(3))
    assert holm(pd.Series([0.01, 0.011, 0.04]), one).tolist() == pytest.approx([0.03, 0.03, 0.04])
    benjamini_hochberg_1995 = pd.Series(
        [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.3240,
            0.4262,
            0.5719,
            0.6528,
            0.7590,
            1,
        ]
    )
    assert (holm(benjamini_hochberg_1995, pd.Series("x", index=range(15))) <= 0.05).sum() == 3
    dror_2017 = pd.Series([0.168, 0.297, 0.357, 0.019, 0.218, 0.001])
    assert (holm(dror_2017, pd.Series("x", index=range(6))) <= 0.05).tolist() == [False] * 5 + [True]


def test_holm_corrects_families_apart_and_leaves_gaps():
    p = pd.Series([0.02, 0.03, np.nan, 0.04])
    assert holm(p, pd.Series(["a", "a", "a", "b"])).tolist() == pytest.approx([0.04, 0.04, np.nan, 0.04], nan_ok=True)


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
