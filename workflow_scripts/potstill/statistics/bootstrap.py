"""Intervals of statistics that are no means over examples, such as calibration errors, by the two-level bootstrap."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def two_level_interval(
    statistic: Callable[..., float],
    *samples: NDArray,
    clusters: NDArray | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    reflected: bool = False,
) -> tuple[float, float]:
    """Interval of `statistic(*samples)` under other seeds and other examples (Davison & Hinkley 1997, 3.8).

    Each resample draws seeds, for each sample apart, and examples, the same for all samples, with replacement. Residual
    noise is drawn at both levels and so counted twice: the interval is wide where it matters, and too narrow where
    seeds are few and differ (see `intervals.retention`). For means and their ratios use the variance components.

    Args:
        statistic: from the resampled arrays to a number; resamples for which it is NaN do not count.
        samples: arrays [S, N, ...]; S may differ, N and the examples' order not. One seed stays that seed.
        clusters: [N], examples with equal values are drawn together.
        seed: of the random draws: the same call gives the same interval.
        reflected: the basic interval, 2 * estimate - quantiles (ibid., 5.2), for statistics that luck can only raise, such
            as a distance: the draws raise them once more, and here that is taken off.

    Returns:
        lower and upper end; both NaN where the statistic is NaN in more than half of the resamples.
    """
    rng = np.random.default_rng(seed)
    members = _members(clusters, samples[0].shape[1])
    values = np.empty(resamples)
    for number in range(resamples):
        drawn = rng.integers(0, len(members), len(members))
        examples = drawn if clusters is None else np.concatenate([members[place] for place in drawn])
        values[number] = statistic(
            *(sample[rng.integers(0, len(sample), len(sample))[:, None], examples] for sample in samples)
        )
    if np.isnan(values).mean() > 0.5:
        return float("nan"), float("nan")
    low, high = np.nanquantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    if reflected:
        twice = 2 * statistic(*samples)
        low, high = twice - high, twice - low
    return float(low), float(high)


def _members(clusters: NDArray | None, n: int) -> list[NDArray]:
    """The positions of each cluster's examples; each example is its own cluster where there are none."""
    if clusters is None:
        return list(np.arange(n)[:, None])
    index = np.unique(clusters, return_inverse=True)[1]
    return np.split(np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1])
