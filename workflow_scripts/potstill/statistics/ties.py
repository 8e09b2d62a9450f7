"""Which students cannot be told from the best one."""

from collections.abc import Sequence
from itertools import permutations

from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from potstill.statistics.variance_components import Scores, estimate_difference


def tied_with_the_best(scores: Sequence[Scores], clusters: NDArray | None, confidence: float) -> list[bool]:
    """Whether each of K students, all scored on the same examples, cannot be told from the best.

    One is excluded only if another beats it: for each ordered pair (j, m) the hypothesis "j is not better than m" gets
    the one-sided p-value of the two-way test, and Holm's procedure goes over all K (K - 1) of them.

    The truly best student is excluded with a probability of at most 1 - confidence. Proof: let m be the best, mean_j <=
    mean_m for every j. Then each hypothesis "j is not better than m" is true, and m is excluded only if one of these is
    rejected. Holm's procedure rejects any true hypothesis of its family with a probability of at most 1 - confidence,
    however the p-values depend on each other (Holm 1979). So the set holds the best one with probability `confidence`,
    as the model confidence set does (Hansen et al. 2011), without its bootstrap.

    Args:
        scores: of each student [S, N]; clusters: [N] or None.
    """
    if len(scores) < 2:
        return [True] * len(scores)
    pairs = list(permutations(range(len(scores)), 2))
    p = [estimate_difference(scores[j], scores[m], clusters).p_greater for j, m in pairs]
    beaten = multipletests(p, alpha=1 - confidence, method="holm")[0]
    losers = {m for (_, m), beats in zip(pairs, beaten, strict=True) if beats}
    return [m not in losers for m in range(len(scores))]
