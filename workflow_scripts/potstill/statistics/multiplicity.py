"""Several comparisons at once."""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests


def holm(p: pd.Series, family: pd.Series) -> pd.Series:
    """p-values adjusted within each family (Holm 1979): below alpha, the family's chance of any false alarm is too.

    Args:
        p: p-values; NaN is not counted and stays NaN.
        family: the family of each, same index.
    """
    adjusted = pd.Series(np.nan, index=p.index, dtype=float)
    for _, members in p.dropna().groupby(family):
        adjusted[members.index] = multipletests(members, method="holm")[1]
    return adjusted
