"""What a design could have seen: power of the t-test and of McNemar's exact test."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats


def power_of_t(effect: float, df: float, confidence: float, sides: int = 2) -> float:
    """Chance that a t-test at 1 - confidence finds a true effect, given in standard errors."""
    critical = stats.t.ppf(1 - (1 - confidence) / sides, df)
    # The wrong side's chance is below that of a normal below -effect: 3e-7 from 5 on, where scipy begins to give NaN.
    wrong_side = stats.nct.cdf(-critical, df, effect) if sides == 2 and effect < 5 else 0.0
    return float(stats.nct.sf(critical, df, effect) + wrong_side)


def minimum_detectable_difference(se: float, df: float, confidence: float, power: float, sides: int = 2) -> float:
    """The smallest true difference that the test finds with probability `power`, in the unit of `se`.

    Solves `power_of_t` for the effect: exact where the usual (t + t) * se is not, at few degrees of freedom. NaN where
    the standard error is 0: a design without any spread has no error to measure against.
    """
    if not se > 0:
        return float("nan")
    df = min(df, 1e4)  # beyond, the non-central t is normal to more digits than its algorithm holds
    upper = 2.0
    while power_of_t(upper, df, confidence, sides) < power:
        upper *= 2
    return se * float(optimize.brentq(lambda effect: power_of_t(effect, df, confidence, sides) - power, 0.0, upper))


class McNemarDesign(NamedTuple):
    """What McNemar's exact test does where the truth is known.

    Attributes:
        power: chance of a significant result, in either direction.
        exaggeration: mean of |observed difference| / |true difference| over significant results (type M).
        wrong_sign: share of the significant results that point the wrong way (type S).
    """

    power: float
    exaggeration: float
    wrong_sign: float


def mcnemar_design(n: int, only_method: float, only_other: float, confidence: float) -> McNemarDesign:
    """Power, type-M and type-S error of the exact McNemar test, by enumeration (Card et al. 2020, section 3).

    Card et al. simulate; here the number of examples on which the two disagree runs over its binomial distribution, and
    for each number the rejected counts are known.

    Args:
        n: examples.
        only_method, only_other: probabilities that only the method, or only the other, is right.
    """
    disagree = only_method + only_other
    share = only_method / disagree  # chance that the method is the one that is right
    m = np.arange(1, n + 1)
    weight = stats.binom.pmf(m, n, disagree)
    low = _largest_rejected(m, confidence)
    lower, upper = stats.binom.cdf(low, m, share), stats.binom.sf(m - low - 1, m, share)
    power = float(weight @ (lower + upper))
    # E[B; B <= c] = m * share * P(B' <= c - 1) with B' of one trial less: the mean of a truncated binomial.
    below = m * share * stats.binom.cdf(low - 1, m - 1, share)
    above = m * share * stats.binom.sf(m - low - 2, m - 1, share)
    observed = (m * lower - 2 * below) + (2 * above - m * upper)  # |only other - only method|, each side's sign known
    difference = abs(only_method - only_other)
    wrong = weight @ (lower if only_method > only_other else upper)
    with np.errstate(divide="ignore", invalid="ignore"):
        return McNemarDesign(power, float(weight @ observed / n / difference / power), float(wrong / power))


def mcnemar_detectable_difference(n: int, disagree: float, confidence: float, power: float) -> float:
    """The smallest true difference that the exact McNemar test finds with probability `power`.

    NaN where even the largest one, all disagreements in favour of one method, is found less often.

    Args:
        n: examples; disagree: share of the examples on which exactly one of the two is right.
    """

    def missing(difference: float) -> float:
        design = mcnemar_design(n, (disagree + difference) / 2, (disagree - difference) / 2, confidence)
        return design.power - power

    if disagree <= 0 or missing(disagree) < 0:
        return float("nan")
    return float(optimize.brentq(missing, 0.0, disagree, xtol=1e-6))


def _largest_rejected(m: NDArray, confidence: float) -> NDArray:
    """The largest count c of m for which the two-sided exact p-value of c or fewer is at most 1 - confidence; -1: none."""
    c = stats.binom.ppf((1 - confidence) / 2, m, 0.5)
    return np.where(stats.binom.cdf(c, m, 0.5) <= (1 - confidence) / 2, c, c - 1)
