"""Tests of one run against another. They speak of these two runs on other examples, not of other training runs."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

RESAMPLES = 9999
_NUMBERS_AT_ONCE = 1_000_000


def mcnemar_exact(method: NDArray, baseline: NDArray) -> float:
    """Two-sided exact McNemar test of right-or-wrong scores [N] on the same examples (McNemar 1947)."""
    only_method, only_baseline = int((method > baseline).sum()), int((method < baseline).sum())
    return float(mcnemar([[0, only_method], [only_baseline, 0]], exact=True).pvalue)


def sign_flips(difference: NDArray, clusters: NDArray | None) -> float:
    """Two-sided permutation test of paired differences [N]: were the two equal, any example's sign could be the other.

    9,999 random flips with a fixed seed (all of them where there are fewer); a cluster's examples flip together.
    """
    if clusters is not None:
        difference = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=difference)
    difference = difference[difference != 0]  # their signs change nothing
    difference = difference[np.lexsort((difference, np.abs(difference)))]  # the same flips whatever the examples' order
    if len(difference) == 0:
        return 1.0
    result = stats.permutation_test(
        (difference,),
        lambda sample, axis: sample.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _NUMBERS_AT_ONCE // len(difference)),
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)
