"""What more trials of a method's settings would have brought: the expected best validation score of n."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from potstill.statistics.cells import METHOD


def expected_best(scores: ArrayLike) -> NDArray[np.float64]:
    """Expected largest of n of the B scores, drawn without replacement, for n = 1..B.

    The unbiased estimator of Tang et al. 2020 ("Showing your work doesn't always work", eq. 5),
    sum over j of C(j - 1, n - 1) / C(B, n) * v_(j); Dodge et al. 2019 draw with replacement and come out too low.
    """
    ordered = np.sort(np.asarray(scores, float))
    trials = len(ordered)
    j = np.arange(1, trials + 1)
    n = j[:, None]
    # Where j < n the largest of n cannot be the j-th: a binomial coefficient of 0.
    logs = _log_binomial(np.maximum(j - 1, n - 1), n - 1) - _log_binomial(np.full_like(n, trials), n)
    weights: NDArray[np.float64] = np.where(j >= n, np.exp(logs), 0.0)
    return weights @ ordered


def budget(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows `task, student, method, trials, n, expected_validation` for n = 1..trials.

    Args:
        runs: `runs.parquet`; a variant's score is the mean validation score of its seeds, 0 where there is none, as
            when variants are selected.
    """
    students = runs[runs.role == "student"]
    means = students.groupby([*METHOD, "variant"], sort=False).validation_score.mean().fillna(0).reset_index()
    rows = [
        {
            "task": task,
            "student": student,
            "method": method,
            "trials": len(scores),
            "n": n,
            "expected_validation": value,
        }
        for (task, student, method), scores in means.groupby(METHOD, sort=False).validation_score
        for n, value in enumerate(expected_best(scores), start=1)
    ]
    return pd.DataFrame(rows, columns=[*METHOD, "trials", "n", "expected_validation"])


def _log_binomial(n: NDArray, k: NDArray) -> NDArray[np.float64]:
    result: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return result
