"""Effect sizes over seeds, as many papers report them. They measure the seeds alone, not the test set."""

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from scipy.special import gammaln


def paired_t(method: NDArray, baseline: NDArray) -> tuple[float, float]:
    """Student's paired t over seeds and its two-sided p-value; NaN with fewer than two seeds or without any spread.

    Args:
        method: [S] mean score of each seed; baseline: [S], the same seeds in the same order.
    """
    difference = np.asarray(method, float) - np.asarray(baseline, float)
    if not _varies(difference):
        return float("nan"), float("nan")
    result = stats.ttest_1samp(difference, 0.0)
    return float(result.statistic), float(result.pvalue)


def cohens_d(method: NDArray, baseline: NDArray) -> float:
    """Cohen's d of paired samples: mean / standard deviation of the differences (d_z; Cohen 1988, eq. 2.3.5)."""
    difference = np.asarray(method, float) - np.asarray(baseline, float)
    return float(difference.mean() / difference.std(ddof=1)) if _varies(difference) else float("nan")


def hedges_factor(df: float) -> float:
    """J(df), by which d has to be multiplied to be unbiased (Hedges 1981, eq. 6e); 0.564 for three seeds."""
    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2) - np.log(df / 2) / 2)) if df > 1 else float("nan")


def hedges_g(method: NDArray, baseline: NDArray) -> float:
    """Cohen's d of paired samples, corrected for the small number of seeds; NaN below three seeds, where J(1) is 0."""
    return cohens_d(method, baseline) * hedges_factor(len(method) - 1)


def interval_of_g(g: float, seeds: int, confidence: float) -> tuple[float, float]:
    """Interval of the true effect that `hedges_g` estimates from so many seeds; NaN where g is.

    t = d * sqrt(S) follows a non-central t around d * sqrt(S): the ends are the true values for which the observed t is
    just at the edge of what is likely (Steiger & Fouladi 1997; Cumming & Finch 2001), multiplied by J like g itself.
    """
    if np.isnan(g):
        return float("nan"), float("nan")
    factor = hedges_factor(seeds - 1)
    t = g / factor * np.sqrt(seeds)
    low, high = (_noncentrality(t, seeds - 1, level) for level in ((1 + confidence) / 2, (1 - confidence) / 2))
    return low * factor / float(np.sqrt(seeds)), high * factor / float(np.sqrt(seeds))


def _noncentrality(t: float, df: float, level: float) -> float:
    """The non-centrality for which a non-central t lies below `t` with probability `level`."""
    if t < 0:  # scipy's tail on this side loses its digits
        return -_noncentrality(-t, df, 1 - level)

    def excess(centre: float) -> float:
        # P(T < t) of a centre far below t is 1 - P(T > t): the smaller of the two keeps its digits.
        return float(1 - stats.nct.sf(t, df, centre)) - level

    upper = 2 * t + 5
    while excess(upper) > 0:
        upper *= 2
    return float(optimize.brentq(excess, -5.0 - 5 * t / np.sqrt(df), upper))


def probability_of_improvement(method: NDArray, baseline: NDArray) -> float:
    """Chance that a run of the method, picked at random, scores higher than one of the baseline; a tie counts half.

    Mann-Whitney's U / (S * S'), as rliable reports it (Agarwal et al. 2021); NaN with one run on either side, where it
    would say no more than which is higher.

    Args:
        method: [S] mean score of each seed; baseline: [S'], not paired.
    """
    if min(len(method), len(baseline)) < 2:
        return float("nan")
    statistic = stats.mannwhitneyu(method, baseline, method="asymptotic").statistic
    return float(statistic) / (len(method) * len(baseline))


def _varies(difference: NDArray) -> bool:
    # Equal differences leave rounding noise in their deviation; dividing by it would give any d at all.
    return len(difference) > 1 and bool(np.ptp(difference) > 1e-12)
