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

    @property
    def p_greater(self) -> float:
        """One-sided p-value of the hypothesis that the mean is 0 or less."""
        if self.variance == 0:
            return 0.0 if self.value > 0 else 1.0
        return float(stats.t.sf(self.value / self.se, self.df))


@dataclass(frozen=True)
class Side:
    """What varies between the seeds of one method: contributions to the variance of its mean, arrays [...].

    Attributes:
        seed: variance of the seeds' means, divided by their number.
        residual: what varies neither with the seed nor with the unit alone, divided by seeds and units.
        seeds: number of seeds.
    """

    seed: NDArray
    residual: NDArray
    seeds: int


@dataclass(frozen=True)
class Components:
    """A mean and the components of its variance, as arrays [...]: of one data set, or of many drawn ones.

    Attributes:
        value: the mean.
        unit: variance over units (examples, or clusters of them) of the seeds' average, divided by their number.
        sides: one method, or both of a difference; empty where one seed leaves the seeds' variance unknown.
        units: number of independent units.
    """

    value: NDArray
    unit: NDArray
    sides: tuple[Side, ...]
    units: int

    @property
    def variance(self) -> NDArray:
        """Squared standard error of the mean: v of this module's text."""
        seed = np.sum([side.seed for side in self.sides], axis=0)
        residual = np.sum([side.residual for side in self.sides], axis=0)
        return np.maximum(np.maximum(seed + self.unit - residual, seed), self.unit)

    @property
    def df(self) -> NDArray:
        """Satterthwaite's degrees of freedom; those of the units where nothing varies."""
        terms = [side.seed**2 / (side.seeds - 1) for side in self.sides]
        spread = self.unit**2 / (self.units - 1) + np.sum(terms, axis=0)
        variance = self.variance
        return np.where(variance == 0, self.units - 1, variance**2 / np.where(spread == 0, 1, spread))

    def estimate(self) -> Estimate:
        """The mean with its standard error; for components of one data set."""
        return Estimate(float(self.value), float(self.variance), float(self.df))


def estimate_mean(scores: Scores, clusters: NDArray | None = None) -> Estimate:
    """The mean of scores [S, N] over seeds and examples, as a draw from other seeds and other examples.

    With one seed the seeds' variance is unknown and left out: the estimate then speaks of this one run.

    Args:
        clusters: [N], examples with equal values stand and fall together (questions about one passage); they are then
            the sampled units.
    """
    units = _cluster_means(np.asarray(scores, float), clusters)
    return _components(units.mean(axis=-2), (units,)).estimate()


def estimate_difference(method: Scores, baseline: Scores, clusters: NDArray | None = None) -> Estimate:
    """The mean difference of two methods on the same examples, as a draw from other seeds and other examples.

    See `difference_components` for the arguments.
    """
    return difference_components(method, baseline, clusters).estimate()


def difference_components(method: Scores, baseline: Scores, clusters: NDArray | None = None) -> Components:
    """The mean difference of two methods on the same examples, and what its variance consists of.

    Seeds are not paired: equal seed numbers need not mean equal data order. Examples are. With one seed on either side
    only the examples vary.

    Args:
        method: [..., S, N]; baseline: [..., S', N], the same examples in the same order.
        clusters: [N], as in `estimate_mean`.
    """
    a = _cluster_means(np.asarray(method, float), clusters)
    b = _cluster_means(np.asarray(baseline, float), clusters)
    return _components(a.mean(axis=-2) - b.mean(axis=-2), (a, b))


def _cluster_means(scores: Scores, clusters: NDArray | None) -> Scores:
    """Scores [..., S, N] as contributions [..., S, G] of G clusters: same means, and independent between clusters.

    A cluster's contribution is the seed's mean plus the cluster's summed deviation from it, scaled by G / N. Its
    variance over clusters, divided by G, is the cluster-robust variance of the mean (CR1; Liang & Zeger 1986).
    """
    if clusters is None:
        return scores
    _, index = np.unique(clusters, return_inverse=True)
    groups = int(index.max()) + 1
    n = scores.shape[-1]
    mean = scores.mean(axis=-1, keepdims=True)
    deviations = (scores - mean).reshape(-1, n)
    sums = np.stack([np.bincount(index, weights=row, minlength=groups) for row in deviations])
    return mean + sums.reshape(*scores.shape[:-1], groups) * (groups / n)


def _components(averages: Scores, units: tuple[Scores, ...]) -> Components:
    """From the seeds' averages [..., N] (of a difference: of both sides) and each side's units [..., S, N]."""
    n = averages.shape[-1]
    several = all(side.shape[-2] > 1 for side in units)
    return Components(
        value=averages.mean(axis=-1),
        unit=averages.var(axis=-1, ddof=1) / n,
        sides=tuple(_side(side) for side in units) if several else (),
        units=n,
    )


def _side(units: Scores) -> Side:
    seeds, n = units.shape[-2:]
    means = units.mean(axis=-1, keepdims=True)
    residuals = units - means - units.mean(axis=-2, keepdims=True) + means.mean(axis=-2, keepdims=True)
    squares = np.einsum("...sn,...sn->...", residuals, residuals)
    return Side(means[..., 0].var(axis=-1, ddof=1) / seeds, squares / ((seeds - 1) * (n - 1) * seeds * n), seeds)
