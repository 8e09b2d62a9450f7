"""How far a mean over seeds and examples can be off: seeds and examples are both samples.

Scores are matrices [S, N]: S seeds, N examples, the same examples for every seed. A mean over both varies because other
seeds would have trained other models and because other examples would have been asked. Counting the S * N scores as
independent ignores the first and calls luck significant (at a seed deviation of 1 point a nominal 5 % test errs in 20 %
of all cases); a t-test over seeds alone ignores the second. Here both variances are estimated, and the residual that is
contained in both is taken off once:

    v = V_seed + V_example - V_residual      (never below the larger of the first two)

with Satterthwaite's degrees of freedom (Satterthwaite 1946, "An approximate distribution of estimates of variance
components"); the numerator is v^2, which held the level at two seeds too where (V_seed + V_example)^2 did not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error.

    Attributes:
        value: the mean, in the unit of the scores.
        variance: its squared standard error.
        df: Satterthwaite's degrees of freedom of `variance`.
    """

    value: float
    variance: float
    df: float

    @property
    def se(self) -> float:
        """Standard error of the mean."""
        return float(np.sqrt(self.variance))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Two-sided t interval of the mean; NaN without any variance, which is no reason to be certain."""
        if self.variance == 0:
            return float("nan"), float("nan")
        half = float(stats.t.ppf((1 + confidence) / 2, self.df)) * self.se
        return self.value - half, self.value + half

    @property
    def p(self) -> float:
        """Two-sided p-value of the hypothesis that the mean is 0."""
        if self.variance == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.value) / self.se, self.df))


def estimate_mean(scores: Scores, clusters: NDArray | None = None) -> Estimate:
    """The mean of scores [S, N] over seeds and examples, as a draw from other seeds and other examples.

    With one seed only the examples vary, and the estimate says nothing of other seeds. Its nominal 95 % interval held
    the true mean in 95-96 % of 6,000 simulations with three seeds and 1,000 examples at a seed deviation of up to 1
    point, in 93.8 % at 2 points and in 92.5 % at 4: the degrees of freedom are themselves an estimate.

    Args:
        scores: [S, N], S >= 1, N >= 2.
        clusters: [N], what examples share, such as a passage; whole clusters are then the sampled units.
    """
    units = _cluster_means(np.asarray(scores, float), clusters)
    return _combine(units.mean(), units.mean(axis=0), [_seed_components(units)] if len(units) > 1 else [])


def estimate_difference(method: Scores, baseline: Scores, clusters: NDArray | None = None) -> Estimate:
    """The mean difference of two methods on the same examples, as a draw from other seeds and other examples.

    Seeds are not paired: equal seed numbers need not mean equal data order. Examples are. With one seed on either side
    only the examples vary.

    Args:
        method: [S, N]; baseline: [S', N], the same examples in the same order.
        clusters: [N], as in `estimate_mean`.
    """
    a = _cluster_means(np.asarray(method, float), clusters)
    b = _cluster_means(np.asarray(baseline, float), clusters)
    sides = [_seed_components(a), _seed_components(b)] if min(len(a), len(b)) > 1 else []
    return _combine(a.mean() - b.mean(), a.mean(axis=0) - b.mean(axis=0), sides)


@dataclass(frozen=True)
class _SeedComponents:
    """What varies between the seeds of one method: contributions to the variance of its mean."""

    seed: float
    residual: float
    seed_df: int
    residual_df: int


def _cluster_means(scores: Scores, clusters: NDArray | None) -> Scores:
    """Scores [S, N] as contributions [S, G] of G clusters: same means per seed, and independent between clusters.

    A cluster's contribution is the seed's mean plus the cluster's summed deviation from it, scaled by G / N. Its
    variance over clusters, divided by G, is the cluster-robust variance of the mean (CR1; Liang & Zeger 1986).
    """
    if clusters is None:
        return scores
    _, index = np.unique(clusters, return_inverse=True)
    groups = int(index.max()) + 1
    mean = scores.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(index, weights=row, minlength=groups) for row in scores - mean])
    return mean + sums * (groups / scores.shape[1])


def _seed_components(units: Scores) -> _SeedComponents:
    seeds, n = units.shape
    means = units.mean(axis=1)
    residuals = units - means[:, None] - units.mean(axis=0) + means.mean()
    residual_df = (seeds - 1) * (n - 1)
    residual = float((residuals**2).sum()) / residual_df / (seeds * n)
    return _SeedComponents(float(means.var(ddof=1)) / seeds, residual, seeds - 1, residual_df)


def _combine(value: float, per_unit: Scores, sides: list[_SeedComponents]) -> Estimate:
    n = len(per_unit)
    v_unit = float(per_unit.var(ddof=1)) / n
    v_seed = sum(side.seed for side in sides)
    variance = max(v_seed + v_unit - sum(side.residual for side in sides), v_seed, v_unit)
    if variance == 0:
        return Estimate(float(value), 0.0, float(n - 1))
    spread = v_unit**2 / (n - 1) + sum(side.seed**2 / side.seed_df for side in sides)
    return Estimate(float(value), variance, variance**2 / spread)
