"""The two-level bootstrap: against scipy's, and by what must not matter."""

import numpy as np
import pytest
from potstill.statistics.bootstrap import two_level_interval
from potstill.statistics.variance_components import estimate_mean
from scipy import stats


def scores(seeds=3, examples=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 0.05, (seeds, 1)) + rng.normal(0, 0.3, examples) + rng.normal(0, 0.1, (seeds, examples))


def test_one_seed_is_scipys_bootstrap():
    sample = scores(seeds=1)
    reference = stats.bootstrap(
        (sample[0],), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    found = two_level_interval(np.median, sample, resamples=4000)
    assert found == pytest.approx(tuple(reference), abs=0.08 * (reference.high - reference.low))


def test_of_a_mean_is_as_wide_as_the_sum_of_both_variances():
    """Many seeds: the variance of seeds' means and of examples' means, the residual in both."""
    sample = scores(seeds=40)
    low, high = two_level_interval(np.mean, sample, resamples=3000)
    expected = sample.mean(1).var() / 40 + sample.mean(0).var() / 200
    assert (high - low) / 2 / 1.96 == pytest.approx(np.sqrt(expected), rel=0.06)
    assert low < estimate_mean(sample).value < high


def test_examples_are_paired_between_samples_and_seeds_are_not():
    a = scores(seeds=2)
    low, high = two_level_interval(lambda x, y: x.mean() - y.mean(), a[:1], a[:1], resamples=200)
    assert low == high == 0
    low, high = two_level_interval(lambda x, y: x.mean() - y.mean(), a, a, resamples=200)
    assert low < 0 < high


def test_copies_in_a_cluster_change_nothing():
    sample = scores(examples=50)
    copies, clusters = np.repeat(sample, 4, axis=1), np.repeat(np.arange(50), 4)
    once = two_level_interval(np.mean, sample, resamples=500)
    assert two_level_interval(np.mean, copies, clusters=clusters, resamples=500) == pytest.approx(once)
    low, high = two_level_interval(np.mean, scores(seeds=1, examples=50), resamples=2000)
    narrow = two_level_interval(np.mean, np.repeat(scores(seeds=1, examples=50), 4, axis=1), resamples=2000)
    assert np.diff(narrow)[0] < 0.6 * (high - low)


def test_trailing_axes_and_gaps():
    """Pairs (confidence, right) as one sample; a statistic that is undefined in some resamples, or in most."""
    pairs = np.stack([scores(), scores(seed=1)], axis=-1)
    low, high = two_level_interval(lambda x: float(np.mean(x[..., 0] - x[..., 1])), pairs, resamples=100)
    assert low < high
    sometimes = np.random.default_rng(0)
    found = two_level_interval(lambda x: x.mean() if sometimes.random() > 0.2 else np.nan, scores(), resamples=100)
    assert np.isfinite(found).all()
    assert np.isnan(two_level_interval(lambda x: np.nan, scores(), resamples=20)).all()


def test_the_same_call_gives_the_same_interval():
    assert two_level_interval(np.mean, scores(), resamples=50) == two_level_interval(np.mean, scores(), resamples=50)
    assert two_level_interval(np.mean, scores(), resamples=50) != two_level_interval(
        np.mean, scores(), resamples=50, seed=1
    )


def test_the_reflected_interval_takes_off_what_the_draws_add() -> None:
    """Of a mean both kinds are alike; of the mean's distance from 0, where it is 0, only the reflected one holds 0."""
    sample = np.random.default_rng(8).normal(0.0, 1.0, (1, 400))
    sample -= sample.mean()
    percentile, reflected = (
        two_level_interval(np.mean, sample, resamples=4000, reflected=kind) for kind in (False, True)
    )
    assert reflected == pytest.approx(percentile, abs=0.02)
    distance = lambda x: abs(float(x.mean()))  # noqa: E731
    assert two_level_interval(distance, sample)[0] > 0
    assert two_level_interval(distance, sample, reflected=True)[0] < 0
