"""Do tests, intervals and the tied set keep their promise? Simulated experiments with known truth.

The generator is seeded: these tests cannot flicker. What would be the risk over the choice of its seed? A procedure that
errs in exactly 5 % of all cases is outside [0.03, 0.065] in 2,000 draws with a probability of 1.4e-3 (binomial); the
wrong tests are outside by far. `python tests/statistics/null_tables.py` prints all rates as tables.
"""

import numpy as np
import pytest
from potstill.statistics.intervals import interval_of_score, retention
from potstill.statistics.noninferiority import excess, lower_bound
from potstill.statistics.variance_components import difference_components, estimate_difference
from scipy import stats
from simulated_experiments import (
    ABILITY,
    DRAWS,
    EXAMPLES,
    GRID,
    LUCK,
    POINT,
    best_is_kept,
    experiments,
    gain_of,
    missed_ratios,
    printed_mde,
    rejection_rates,
    true_score,
)

LOW, HIGH = 0.03, 0.065
SEED = 20261
# Where seeds hardly vary, the largest of three variance estimates is taken, and the test errs less often than it may.
CONSERVATIVE = [(3, 0.0), (3, 0.5)]
WRONG = ["McNemar, one seed each", "pool S x N as pairs", "unpaired, S x N scores each", "paired t over seeds"]


def test_the_stated_risk_of_the_bounds():
    outside = stats.binom.cdf(LOW * DRAWS - 1, DRAWS, 0.05) + stats.binom.sf(HIGH * DRAWS, DRAWS, 0.05)
    assert outside == pytest.approx(1.4e-3, abs=1e-4)


@pytest.fixture(scope="module")
def null_rates():
    return {
        design: rejection_rates(["two-way components", *WRONG], SEED, *design) for design in GRID
    }  # fmt: skip


@pytest.mark.parametrize("design", GRID)
def test_equal_methods_are_rarely_told_apart(null_rates, design):
    rate = null_rates[design]["two-way components"]
    assert rate <= HIGH
    assert rate >= (0.015 if design in CONSERVATIVE else LOW)


@pytest.mark.parametrize(
    ("test", "worst"),
    [
        ("McNemar, one seed each", 0.35),
        ("pool S x N as pairs", 0.35),
        ("unpaired, S x N scores each", 0.25),
        ("paired t over seeds", 0.13),
    ],
)
def test_negative_controls_fail_the_same_bounds(null_rates, test, worst):
    """Each wrong test is outside the bounds for some design, and errs several times as often as it says."""
    rates = [null_rates[design][test] for design in GRID]
    assert not all(LOW <= rate <= HIGH for rate in rates)
    assert max(rates) > worst


def test_the_vectorised_test_is_the_one_that_is_used():
    a, b = next(experiments(1, 3, 3, 1.0, (ABILITY, ABILITY)))
    together = difference_components(a, b)
    for i in range(3):
        one = estimate_difference(a[i], b[i])
        assert (one.value, one.variance, one.df) == pytest.approx(
            (together.value[i], together.variance[i], together.df[i])
        )


@pytest.mark.parametrize("design", GRID)
def test_the_printed_mde_is_found_in_four_of_five_experiments(design):
    """A true difference as large as the mean printed MDE is found in 80 %, within 8 points (0.78 to 0.84 measured)."""
    seeds, points = design
    mde = printed_mde(SEED, seeds, points, 200).mean()
    rate = rejection_rates(["two-way components"], SEED, seeds, points, gain=gain_of(mde, points), draws=600)
    assert rate["two-way components"] == pytest.approx(0.8, abs=0.08)


def test_a_planted_effect_is_found_and_a_planted_tie_left():
    """Three methods: two equal, one 8 points better; their pairwise tests and the tied set say just that."""
    tie = effect = 0
    for a, b, better in experiments(3, 200, 5, 1.0, (ABILITY, ABILITY, ABILITY + 10 * POINT)):
        for one in zip(a, b, better, strict=True):
            tie += estimate_difference(one[0], one[1]).p < 0.05
            effect += estimate_difference(one[2], one[0]).p < 0.05
    assert effect >= 198
    assert tie <= stats.binom.isf(1e-4, 200, 0.05)


@pytest.mark.parametrize(
    ("gains", "points"), [((0, 0, 0, 0), 0.0), ((0, 0, 0, 0), 2.0), ((0.5, 0, -1, -6), 1.0), ((0, 0, -8, -8), 0.5)]
)
def test_the_tied_set_holds_the_best(gains, points):
    """Excluded in at most 5 % of 300 experiments: the bound is missed by chance with a probability below 1e-4."""
    draws = 300
    kept, size = best_is_kept(SEED, draws, 3, points, gains)
    assert draws * (1 - kept) <= stats.binom.isf(1e-4, draws, 0.05)
    if gains[-1] == -8:
        assert size < 2.5  # and it is no excuse for keeping everybody
    if gains == (0, 0, 0, 0):
        assert size > 3.9


def test_clustered_examples_are_counted_as_clusters():
    """Five questions a passage, and each method with its own taste in passages; negative control: without clusters."""
    rng = np.random.default_rng(20264)
    clusters, draws = np.repeat(np.arange(EXAMPLES // 5), 5), 600
    aware = unaware = 0
    for _ in range(draws):
        ease = rng.normal(0, 1, EXAMPLES)
        a, b = (
            (ABILITY + ease + rng.normal(0, 0.7, EXAMPLES // 5)[clusters] + rng.normal(0, LUCK, (3, EXAMPLES)) > 0)
            * 1.0
            for _ in range(2)
        )
        aware += estimate_difference(a, b, clusters).p < 0.05
        unaware += estimate_difference(a, b).p < 0.05
    bound = stats.binom.isf(1e-4, draws, 0.05)
    assert aware <= bound
    assert unaware > 2 * bound


@pytest.mark.parametrize("seed_points", [0, 1, 2])
def test_intervals_hold_the_true_score_and_the_true_retention(seed_points):
    """Satterthwaite's degrees of freedom are an approximation that three seeds strain: 6.2 % missed at 2 points."""
    draws = 600
    bound = stats.binom.isf(1e-4, draws, 0.065)
    assert draws * missed_ratios(7, draws, 3, seed_points, lambda s, t: retention(s, t, None, 0.95)[1:]) <= bound
    true, missed = true_score(ABILITY, seed_points), 0
    for (students,) in experiments(7, draws, 3, seed_points, (ABILITY,)):
        for student in students:
            low, high = interval_of_score(student, None, 0.95)
            missed += not low <= true <= high
    assert missed <= bound


def test_a_student_at_the_margin_is_rarely_said_to_keep_it():
    """True retention exactly at the margin: one-sided test and bound err in at most 5 %, and always agree."""
    margin = true_score(ABILITY, 1.0) / true_score(1.3)
    said = 0
    for students, teachers in experiments(11, 400, 3, (1.0, 0.0), (ABILITY, 1.3)):
        for number, (student, teacher) in enumerate(zip(students, teachers[:, 0], strict=True)):
            keeps = excess(student, teacher, margin, None).p_greater < 0.05
            said += keeps
            if number < 20:
                assert keeps == (lower_bound(student, teacher, None, 0.95) > margin)
    assert 400 * 0.01 < said <= stats.binom.isf(1e-4, 400, 0.05)
