"""Effect sizes over seeds, as many papers report them. They measure the seeds alone, not the test set."""

import numpy as np
from scipy import stats
from scipy.special import gammaln


def paired_t(method: np.ndarray, baseline: np.ndarray) -> tuple[float, float]:
    """Student's paired t over seeds and its two-sided p-value; NaN with fewer than two seeds or without any spread.

    Args:
        method: [S] mean score of each seed; baseline: [S], the same seeds in the same order.
    """
    difference = np.asarray(method, float) - np.asarray(baseline, float)
    if not _varies(difference):
        return float("nan"), float("nan")
    result = stats.ttest_1samp(difference, 0.0)
    return float(result.statistic), float(result.pvalue)


def cohens_d(method: np.ndarray, baseline: np.ndarray) -> float:
    """Cohen's d of paired samples: mean / standard deviation of the differences (d_z; Cohen 1988, eq. 2.3.5)."""
    difference = np.asarray(method, float) - np.asarray(baseline, float)
    return float(difference.mean() / difference.std(ddof=1)) if _varies(difference) else float("nan")


def hedges_factor(df: float) -> float:
    """J(df), by which d has to be multiplied to be unbiased (Hedges 1981, eq. 6e); 0.564 for three seeds."""
    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2) - np.log(df / 2) / 2)) if df > 1 else float("nan")


def hedges_g(method: np.ndarray, baseline: np.ndarray) -> float:
    """Cohen's d of paired samples, corrected for the small number of seeds; NaN below three seeds, where J(1) is 0."""
    return cohens_d(method, baseline) * hedges_factor(len(method) - 1)


def _varies(difference: np.ndarray) -> bool:
    # Equal differences leave rounding noise in their deviation; dividing by it would give any d at all.
    return len(difference) > 1 and bool(np.ptp(difference) > 1e-12)
