"""Several comparisons at once."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.multitest import multipletests

Correction = Literal["holm", "bh"]
_NAMES = {"holm": "holm", "bh": "fdr_bh"}


def adjusted(p: pd.Series, family: pd.Series, correction: Correction) -> pd.Series:
    """p-values adjusted within each family.

    `holm` (Holm 1979): below alpha, the family's chance of any false alarm is too, whatever depends on what. `bh`
    (Benjamini & Hochberg 1995): below alpha, so is the expected share of false alarms among all that are called so.

    Args:
        p: p-values; NaN is not counted and stays NaN.
        family: the family of each, same index.
    """
    result = pd.Series(np.nan, index=p.index, dtype=float)
    for _, members in p.dropna().groupby(family):
        result[members.index] = multipletests(members, method=_NAMES[correction])[1]
    return result


def partial_conjunction(p: ArrayLike, alpha: float, combination: Literal["bonferroni", "fisher"] = "bonferroni") -> int:
    """On how many data sets at least a method wins, with confidence 1 - alpha (Dror et al. 2017, section 4).

    The hypothesis that fewer than u of the n data sets have an effect is judged by the n - u + 1 largest p-values.

    Args:
        p: one p-value a data set.
        combination: `bonferroni` holds whatever depends on what; `fisher` needs independent data sets.
    """
    ordered = np.sort(np.asarray(p, float))
    won, largest = 0, 0.0
    for u in range(1, len(ordered) + 1):
        rest = ordered[u - 1 :]
        if combination == "bonferroni":
            value = min(1.0, len(rest) * float(rest[0]))
        else:
            value = float(stats.combine_pvalues(rest, method="fisher").pvalue)
        largest = max(largest, value)  # a claim about u data sets includes those about fewer
        if largest > alpha:
            break
        won = u
    return won
