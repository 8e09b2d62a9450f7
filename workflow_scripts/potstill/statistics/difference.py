"""One contrast: how two methods' scores on the same examples differ, and what that design could have seen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from potstill.statistics.effect import cohens_d, hedges_g, interval_of_g, paired_t, probability_of_improvement
from potstill.statistics.notes import about_clusters, about_seeds
from potstill.statistics.one_seed import mcnemar_exact, sign_flips
from potstill.statistics.planning import seeds_needed, spread, units_needed
from potstill.statistics.power import mcnemar_detectable_difference, minimum_detectable_difference
from potstill.statistics.tidy import ScoreMatrix
from potstill.statistics.variance_components import Estimate, difference_components


def difference(method: ScoreMatrix, other: ScoreMatrix, confidence: float, power: float) -> dict[str, Any]:
    """All numbers of a contrast, by the names of `contrasts.parquet`; `note` is a list.

    Several seeds on both sides: the two-way test of `variance_components`. One seed: McNemar's exact test of
    right-or-wrong scores of independent examples, otherwise sign flips of the examples' differences.

    Args:
        method, other: their difference is method - other; the same examples in the same order.
    """
    components = difference_components(method.scores, other.scores, method.clusters)
    estimate = components.estimate()
    low, high = estimate.interval(confidence)
    disagree = disagreement(method.scores, other.scores)
    test, p, mde = "two-way components", estimate.p, None
    if min(len(method.seeds), len(other.seeds)) == 1:
        if _is_right_or_wrong(method, other):
            test, p = "McNemar exact", mcnemar_exact(method.scores[0], other.scores[0])
            mde = mcnemar_detectable_difference(len(method.example_ids), disagree, confidence, power)
        else:
            test, p = "permutation", sign_flips(method.scores.mean(axis=0) - other.scores.mean(axis=0), method.clusters)
    if mde is None:
        mde = minimum_detectable_difference(estimate.se, estimate.df, confidence, power)
    n_seeds, n_examples = min(len(method.seeds), len(other.seeds)), len(method.example_ids)
    parts = spread(components)
    examples_a_unit = n_examples / components.units
    return {
        "difference": estimate.value,
        "ci_low": low,
        "ci_high": high,
        "se": estimate.se,
        "df": estimate.df,
        "p": p,
        "test": test,
        **_over_seeds(method, other, confidence),
        "mde": mde,
        "power": power,
        "seeds_needed": seeds_needed(parts, estimate.value, components.units, confidence, power),
        "examples_needed": np.ceil(
            examples_a_unit * units_needed(parts, estimate.value, n_seeds, confidence, power)
        ),
        "n_seeds": n_seeds,
        "n_examples": n_examples,
        "n_clusters": method.n_clusters,
        "disagreement": disagree,
        "confidence": confidence,
        "note": list(_notes(method, other, estimate, test, mde, power)),
    }  # fmt: skip


def disagreement(method: NDArray, other: NDArray) -> float:
    """Share of the examples that a run of each, both picked at random, score differently; [S, N] and [S', N]."""
    return float(np.mean([(a != b).mean() for a in method for b in other]))


def _is_right_or_wrong(method: ScoreMatrix, other: ScoreMatrix) -> bool:
    binary = all(np.isin(cell.scores, (0.0, 1.0)).all() for cell in (method, other))
    return binary and method.clusters is None and len(method.seeds) == len(other.seeds) == 1


def _over_seeds(method: ScoreMatrix, other: ScoreMatrix, confidence: float) -> dict[str, float]:
    """What the seeds' mean scores say alone; what pairs seeds takes those that both were trained with."""
    means = {name: cell.scores.mean(axis=1) for name, cell in (("method", method), ("other", other))}
    shared = [seed for seed in method.seeds if seed in other.seeds]
    a = means["method"][[method.seeds.index(seed) for seed in shared]]
    b = means["other"][[other.seeds.index(seed) for seed in shared]]
    t, t_p = paired_t(a, b)
    g = hedges_g(a, b)
    g_low, g_high = interval_of_g(g, len(shared), confidence)
    return {
        "paired_t": t,
        "paired_t_p": t_p,
        "cohens_d": cohens_d(a, b),
        "hedges_g": g,
        "hedges_g_low": g_low,
        "hedges_g_high": g_high,
        "p_improvement": probability_of_improvement(means["method"], means["other"]),
        "seed_sd": _sd(means["method"]),
        "seed_sd_other": _sd(means["other"]),
    }


def _sd(means: NDArray) -> float:
    return float(means.std(ddof=1)) if len(means) > 1 else float("nan")


def _notes(
    method: ScoreMatrix, other: ScoreMatrix, estimate: Estimate, test: str, mde: float, power: float
) -> Iterator[str]:
    """What this design cannot say."""
    if estimate.variance == 0:
        yield "the same difference on every example: nothing to estimate an interval from"
    yield from about_seeds(min(len(method.seeds), len(other.seeds)))
    if test == "McNemar exact":
        yield "p: McNemar's exact test of these two runs"
    if test == "permutation":
        yield "p: permutation test of these runs, 9,999 flips of signs"
    if set(method.seeds) != set(other.seeds):
        yield "seeds differ: paired t, d and g over the shared ones only"
    yield from about_clusters(method)
    if abs(estimate.value) < mde:
        yield f"below the {100 * mde:.1f} points that this design finds with {100 * power:.0f} % probability"
