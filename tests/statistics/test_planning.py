"""How large an experiment has to be, against published sample sizes and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.statistics.planning import Spread, seeds_needed, spread, units_needed
from potstill.statistics.power import (
    mcnemar_design,
    mcnemar_detectable_difference,
    minimum_detectable_difference,
    power_of_t,
)
from potstill.statistics.variance_components import difference_components
from scipy import stats


def test_sample_size_of_miller_2024():
    """Miller 2024, eq. 9: variance of the differences 1/9, 3 points, power 80 %: 968.998, so 969. t needs two more:
    z^2 / 2 = 1.9 (Guenther 1981)."""
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert z**2 / 9 / 0.03**2 == pytest.approx(968.998, abs=1e-3)
    assert units_needed(Spread((), 1 / 9, ()), 0.03, 1, 0.95, 0.8) == 971


@pytest.mark.parametrize(("answers", "difference"), [(1, 0.1327), (10, 0.0757)])
def test_detectable_difference_of_miller_2024(answers, difference):
    """Miller 2024, section 5: n = 198, variance between questions 1/9, within 1/6 of each model, K answers a question."""
    se = np.sqrt((1 / 9 + 2 / 6 / answers) / 198)
    assert minimum_detectable_difference(se, 1e9, 0.95, 0.8) == pytest.approx(difference, abs=1e-4)


def test_power_of_miller_2024s_design():
    """The design of ten answers above: answers as the residual of ten equal seeds, t in place of the normal."""
    parts = Spread((0.0, 0.0), 1 / 9, (1 / 6, 1 / 6))
    assert parts.power(0.0757, 10, 198, 0.95) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("n", "only_a", "only_b", "power", "exaggeration", "wrong_sign"),
    [(500, 0.0225, 0.0025, 0.7976, 1.1158, 0.0), (1000, 0.30, 0.28, 0.1207, 2.997, 0.0188)],
)
def test_card_2020(n, only_a, only_b, power, exaggeration, wrong_sign):
    """Card et al. 2020, their notebook: .800 and 1.118 (first), .119, 3.004 and .022 (second) by simulation; these are
    exact. Their power counts results of the right sign alone."""
    design = mcnemar_design(n, only_a, only_b, 0.95)
    assert design.power * (1 - design.wrong_sign) == pytest.approx(power, abs=5e-5)
    assert design.exaggeration == pytest.approx(exaggeration, abs=5e-4)
    assert design.wrong_sign == pytest.approx(wrong_sign, abs=5e-5)


def test_mcnemar_design_by_brute_force():
    """All outcomes of 12 examples, each judged by scipy's binomial test."""
    n, a, b = 12, 0.4, 0.1
    power = observed = wrong = 0.0
    for x in range(n + 1):
        for y in range(n + 1 - x):
            weight = stats.multinomial.pmf([x, y, n - x - y], n, [a, b, 1 - a - b])
            if x + y and stats.binomtest(x, x + y).pvalue <= 0.05:
                power += weight
                observed += weight * abs(x - y) / n
                wrong += weight * (x < y)
    expected = (power, observed / power / (a - b), wrong / power)
    assert mcnemar_design(n, a, b, 0.95) == pytest.approx(expected)
    assert mcnemar_design(n, b, a, 0.95) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "disagree", "points"),
    [(277, 0.15, 6.5), (408, 0.12, 4.8), (872, 0.06, 2.3), (1000, 0.1, 2.8), (9815, 0.1, 0.9)],
)
def test_detectable_differences_of_known_test_sets(n, disagree, points):
    """(z + z) * sqrt(disagreement / n) is the usual approximation; the exact test needs up to a twentieth more."""
    rough = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * np.sqrt(disagree / n)
    assert round(100 * rough, 1) == points
    exact = mcnemar_detectable_difference(n, disagree, 0.95, 0.8)
    assert rough < exact < 1.05 * rough
    design = mcnemar_design(n, (disagree + exact) / 2, (disagree - exact) / 2, 0.95)
    assert design.power == pytest.approx(0.8, abs=1e-3)


def test_too_few_disagreements_detect_nothing():
    assert np.isnan(mcnemar_detectable_difference(10, 0.1, 0.95, 0.8))
    assert np.isnan(mcnemar_detectable_difference(100, 0.0, 0.95, 0.8))


def crossed(rng, seeds, units, seed_sd, unit_sd, residual_sd):
    return (
        rng.normal(0, seed_sd, (seeds, 1)) + rng.normal(0, unit_sd, units) + rng.normal(0, residual_sd, (seeds, units))
    )


def test_spread_recovers_the_planted_components():
    """Means over 300 data sets, within five standard errors."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        sides = [crossed(rng, 4, 200, sd, 0.5, residual) for sd, residual in ((0.1, 0.3), (0.2, 0.6))]
        parts = spread(difference_components(*sides))
        found.append([*parts.seed, parts.unit, *parts.residual])
    found = np.array(found)
    truth = np.array([0.1**2, 0.2**2, 2 * 0.5**2, 0.3**2, 0.6**2])
    assert (np.abs(found.mean(0) - truth) < 5 * found.std(0) / np.sqrt(300)).all()


def test_planned_power_is_that_of_the_measured_design():
    """For the design that was measured, the plan's variance and degrees of freedom are those of the test."""
    rng = np.random.default_rng(1)
    components = difference_components(*(crossed(rng, 5, 300, 0.2, 0.5, 0.5) for _ in range(2)))
    estimate, parts = components.estimate(), spread(components)
    for difference in (0.0, 0.3, 0.6):
        expected = power_of_t(difference / estimate.se, estimate.df, 0.95)
        assert parts.power(difference, 5, 300, 0.95) == pytest.approx(expected)


def test_planned_seeds_reach_the_power_in_simulation():
    rng = np.random.default_rng(2)
    parts = Spread((0.02**2, 0.02**2), 0.3**2, (0.3**2, 0.3**2))
    needed = int(seeds_needed(parts, 0.04, 1000, 0.95, 0.8))
    assert 4 <= needed <= 12

    def power(seeds):
        found = 0
        for _ in range(6):
            shape = (250, seeds, 1000)
            a, b = (rng.normal(0, 0.3, shape) + rng.normal(0, 0.02, (*shape[:2], 1)) for _ in range(2))
            parts = difference_components(a + 0.04 + rng.normal(0, 0.3, (250, 1, 1000)), b)
            found += (parts.value / np.sqrt(parts.variance) > stats.t.ppf(0.975, parts.df)).sum()
        return found / 1500

    assert power(needed) == pytest.approx(0.82, abs=0.05)
    assert power(needed - 2) < 0.8


def test_what_no_number_reaches_is_not_a_number():
    seeds_vary = Spread((0.01, 0.01), 0.0, (0.0, 0.0))
    assert np.isnan(units_needed(seeds_vary, 0.01, 3, 0.95, 0.8))
    examples_vary = Spread((0.0, 0.0), 0.25, (0.0, 0.0))
    assert np.isnan(seeds_needed(examples_vary, 0.01, 100, 0.95, 0.8))
    assert np.isnan(seeds_needed(Spread((), 0.25, ()), 0.1, 1000, 0.95, 0.8))  # one seed
    assert np.isnan(seeds_needed(examples_vary, 0.0, 100, 0.95, 0.8))
    assert units_needed(Spread((0.0, 0.0), 0.0, (0.0, 0.0)), 0.1, 3, 0.95, 0.8) == 2  # nothing varies


@given(st.floats(0, 1e-3), st.floats(1e-3, 0.3), st.floats(0, 0.3), st.floats(0.005, 0.2), st.integers(50, 5000))
def test_fewest_is_the_first_that_reaches_the_power(seed, unit, residual, difference, units):
    parts = Spread((seed, seed), unit, (residual, residual))
    needed = seeds_needed(parts, difference, units, 0.95, 0.8)
    if np.isnan(needed):
        assert parts.power(difference, 1000, units, 0.95) < 0.8
    else:
        assert parts.power(difference, int(needed), units, 0.95) >= 0.8
        assert needed == 2 or parts.power(difference, int(needed) - 1, units, 0.95) < 0.8
