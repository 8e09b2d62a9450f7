"""The variance of a mean over seeds and examples, against analysis of variance, cluster-robust regression and scipy."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from potstill.statistics.variance_components import estimate_difference, estimate_mean
from scipy import stats


def crossed(seeds, examples, seed=0, seed_effect=0.3):
    """Scores [S, N] = seed effect + example effect + residual."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, seed_effect, (seeds, 1)) + rng.normal(0, 1, examples)
    return scores + rng.normal(0, 0.5, (seeds, examples))


def test_mean_agrees_with_the_crossed_analysis_of_variance():
    scores = crossed(4, 12)
    seeds, examples = scores.shape
    frame = pd.DataFrame(
        {
            "score": scores.ravel(),
            "seed": np.repeat(np.arange(seeds), examples),
            "example": np.tile(np.arange(examples), seeds),
        }
    )
    table = sm.stats.anova_lm(smf.ols("score ~ C(seed) + C(example)", frame).fit())
    mean_squares = table["sum_sq"] / table["df"]
    seed, example, residual = mean_squares["C(seed)"], mean_squares["C(example)"], mean_squares["Residual"]
    expected = (seed + example - residual) / scores.size
    terms = (seed / scores.size) ** 2 / (seeds - 1) + (example / scores.size) ** 2 / (examples - 1)
    estimate = estimate_mean(scores)
    assert estimate.value == pytest.approx(scores.mean())
    assert estimate.variance == pytest.approx(expected)
    assert estimate.df == pytest.approx(expected**2 / terms)


def test_variance_never_falls_below_one_of_its_parts():
    """Seeds that agree more than chance: the difference of the components would be below the examples' own variance."""
    scores = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    assert estimate_mean(scores).variance >= scores.mean(axis=0).var(ddof=1) / 4


def test_difference_to_a_baseline_of_zeros_is_the_mean():
    scores = crossed(3, 20)
    assert estimate_difference(scores, np.zeros_like(scores)) == estimate_mean(scores)


def test_difference_pairs_examples_and_sums_the_variances_of_seeds():
    a, b = crossed(3, 50, seed=1), crossed(5, 50, seed=2) + 0.2
    residuals = [x - x.mean(1, keepdims=True) - x.mean(0) + x.mean() for x in (a, b)]
    residual = sum((r**2).sum() / ((len(r) - 1) * 49) / r.size for r in residuals)
    seed = sum(x.mean(1).var(ddof=1) / len(x) for x in (a, b))
    example = (a.mean(0) - b.mean(0)).var(ddof=1) / 50
    estimate = estimate_difference(a, b)
    assert estimate.value == pytest.approx(a.mean() - b.mean())
    assert estimate.variance == pytest.approx(seed + example - residual)


def test_one_seed_is_the_paired_t_test_over_examples():
    a, b = crossed(1, 80, seed=3), crossed(1, 80, seed=4)
    estimate = estimate_difference(a, b)
    reference = stats.ttest_rel(a[0], b[0])
    assert estimate.p == pytest.approx(reference.pvalue)
    assert estimate.interval(0.95) == pytest.approx(reference.confidence_interval(0.95))


def test_one_seed_with_clusters_is_the_cluster_robust_regression():
    """Clusters of 1 to 6 examples; statsmodels' sandwich with its small-sample factor is the reference."""
    clusters = np.repeat(np.arange(20), np.arange(20) % 6 + 1)
    scores = crossed(1, len(clusters), seed=5) + np.random.default_rng(6).normal(0, 1, 20)[clusters]
    fit = sm.OLS(scores[0], np.ones(len(clusters))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    estimate = estimate_mean(scores, clusters)
    assert estimate.value == pytest.approx(fit.params[0])
    assert estimate.se == pytest.approx(fit.bse[0])
    assert estimate.df == pytest.approx(19)


@pytest.mark.parametrize("seeds", [1, 3])
def test_repeating_every_example_in_its_cluster_changes_nothing(seeds):
    """Five copies of a question are one question; counted as independent, they halve the standard error and more."""
    a, b = crossed(seeds, 30, seed=7), crossed(seeds, 30, seed=8)
    clusters = np.repeat(np.arange(30), 5)
    once = estimate_difference(a, b)
    repeated = estimate_difference(np.repeat(a, 5, axis=1), np.repeat(b, 5, axis=1), clusters)
    naive = estimate_difference(np.repeat(a, 5, axis=1), np.repeat(b, 5, axis=1))
    assert (repeated.value, repeated.se, repeated.df) == pytest.approx((once.value, once.se, once.df))
    assert naive.se < repeated.se


def test_unequal_clusters_do_not_turn_a_seed_effect_into_residual():
    clusters = np.repeat([0, 1, 2, 3], [1, 2, 5, 8])
    scores = np.array([[0.1], [0.4], [0.9]]) + np.zeros(len(clusters))
    assert estimate_mean(scores, clusters).variance == pytest.approx(np.var([0.1, 0.4, 0.9], ddof=1) / 3)


@settings(max_examples=60)
@given(seeds=st.integers(1, 5), examples=st.integers(2, 30), draw=st.integers(0, 10**6), shift=st.floats(-3, 3))
def test_order_and_a_common_shift_do_not_matter(seeds, examples, draw, shift):
    rng = np.random.default_rng(draw)
    a, b = crossed(seeds, examples, seed=draw), crossed(seeds, examples, seed=draw + 1)
    clusters = rng.integers(0, max(2, examples // 2), examples)
    clusters[:2] = 0, 1  # at least two, or there is nothing to tell apart
    order = rng.permutation(examples)
    first = estimate_difference(a, b, clusters)
    other = estimate_difference(
        a[rng.permutation(seeds)][:, order] + shift, b[rng.permutation(seeds)][:, order] + shift, clusters[order]
    )
    swapped = estimate_difference(b, a, clusters)
    for estimate, sign in ((other, 1), (swapped, -1)):
        assert sign * estimate.value == pytest.approx(first.value, abs=1e-9)
        assert (estimate.se, estimate.df) == pytest.approx((first.se, first.df), rel=1e-6, abs=1e-9)


def test_no_difference_at_all_has_p_1():
    scores = np.ones((3, 10))
    assert estimate_difference(scores, scores).p == 1.0
