"""Experiments whose truth is known, many at once, and the tests that papers use on them.

An example is right where ability + its ease + the method's taste for it + the seed's effect + luck is positive, all
normal: methods differ from example to example (taste) even where they are equally good, as real ones do. Two methods of
equal ability disagree on 16 % of the examples.
"""

from collections.abc import Callable, Iterator
from unittest import mock

import numpy as np
from potstill.statistics.power import minimum_detectable_difference
from potstill.statistics.ties import tied_with_the_best
from potstill.statistics.variance_components import difference_components
from scipy import optimize, stats

DRAWS = 2000
EXAMPLES = 1000
ABILITY = 0.9
TASTE = LUCK = 0.35
POINT = 0.01 / 0.24  # latent effect that moves the score by about one point
GRID = [(seeds, points) for seeds in (3, 5) for points in (0.0, 0.5, 1.0, 2.0)]
_AT_ONCE = 200


def experiments(seed, draws, seeds, seed_points, abilities, examples=EXAMPLES) -> Iterator[list[np.ndarray]]:
    """Batches of experiments: for each ability the scores [batch, S, N], on the same examples within an experiment.

    `seed_points`: standard deviation of the seeds in points, one number or one for each ability.
    """
    rng = np.random.default_rng([seed, seeds, round(10 * np.mean(seed_points))])
    points = np.broadcast_to(seed_points, len(abilities))
    for start in range(0, draws, _AT_ONCE):
        batch = min(_AT_ONCE, draws - start)

        def normal(*shape, batch=batch):
            return rng.standard_normal((batch, *shape), dtype=np.float32)

        ease = normal(1, examples)
        yield [
            (
                ability
                + ease
                + TASTE * normal(1, examples)
                + deviation * POINT * normal(seeds, 1)
                + LUCK * normal(seeds, examples)
                > 0
            ).astype(float)
            for ability, deviation in zip(abilities, points, strict=True)
        ]


def true_score(ability, seed_points=0.0):
    """Chance that an example drawn at random is right."""
    return stats.norm.cdf(ability / np.sqrt(1 + TASTE**2 + LUCK**2 + (seed_points * POINT) ** 2))


def two_way_components(a, b):
    parts = difference_components(a, b)
    return 2 * stats.t.sf(np.abs(parts.value) / np.sqrt(parts.variance), parts.df)


def sum_of_variances(a, b):
    """Seeds' and examples' variances added, the residual counted twice."""
    parts = difference_components(a, b)
    terms = [side.seed for side in parts.sides]
    variance = np.sum(terms, axis=0) + parts.unit
    spread = parts.unit**2 / (parts.units - 1) + sum(term**2 for term in terms) / (a.shape[1] - 1)
    return 2 * stats.t.sf(np.abs(parts.value) / np.sqrt(variance), variance**2 / spread)


def pooled_pairs(a, b):
    """All S * N pairs as if each were an experiment of its own."""
    return stats.ttest_1samp((a - b).reshape(len(a), -1), 0, axis=1).pvalue


def unpaired(a, b):
    """Welch's test of all S * N scores of each, as if they were of different examples."""
    return stats.ttest_ind(a.reshape(len(a), -1), b.reshape(len(b), -1), axis=1, equal_var=False).pvalue


def over_examples(a, b):
    """Paired t over examples of the seeds' means."""
    return stats.ttest_1samp(a.mean(1) - b.mean(1), 0, axis=1).pvalue


def mcnemar_of_one_seed(a, b):
    only_a, only_b = ((a[:, 0] > b[:, 0]).sum(1), (a[:, 0] < b[:, 0]).sum(1))
    return np.minimum(1, 2 * stats.binom.cdf(np.minimum(only_a, only_b), only_a + only_b, 0.5))


def paired_t_over_seeds(a, b):
    return stats.ttest_1samp(a.mean(2) - b.mean(2), 0, axis=1).pvalue


def welch_over_seeds(a, b):
    return stats.ttest_ind(a.mean(2), b.mean(2), axis=1, equal_var=False).pvalue


TESTS: dict[str, Callable] = {
    "McNemar, one seed each": mcnemar_of_one_seed,
    "pool S x N as pairs": pooled_pairs,
    "unpaired, S x N scores each": unpaired,
    "paired t over examples": over_examples,
    "paired t over seeds": paired_t_over_seeds,
    "Welch over seeds": welch_over_seeds,
    "sum of both variances": sum_of_variances,
    "two-way components": two_way_components,
}


def rejection_rates(tests, seed, seeds, seed_points, gain=0.0, draws=DRAWS) -> dict[str, float]:
    """Share of experiments in which each test finds a difference at 5 %; `gain` in points, 0: there is none."""
    counts = dict.fromkeys(tests, 0)
    for a, b in experiments(seed, draws, seeds, seed_points, (ABILITY + gain * POINT, ABILITY)):
        for name in tests:
            with np.errstate(divide="ignore", invalid="ignore"):
                counts[name] += int((TESTS[name](a, b) < 0.05).sum())
    return {name: count / draws for name, count in counts.items()}


def printed_mde(seed, seeds, seed_points, draws):
    """The minimum detectable differences (5 %, power 80 %) that experiments without a difference print, [draws]."""
    found: list[float] = []
    for a, b in experiments(seed, draws, seeds, seed_points, (ABILITY, ABILITY)):
        parts = difference_components(a, b)
        found += [
            minimum_detectable_difference(np.sqrt(variance), df, 0.95, 0.8)
            for variance, df in zip(parts.variance, parts.df, strict=True)
        ]
    return np.array(found)


def gain_of(difference, seed_points):
    """The gain in points of latent ability that makes the true scores differ by `difference` (0..1)."""
    baseline = true_score(ABILITY, seed_points)
    return optimize.brentq(lambda gain: true_score(ABILITY + gain * POINT, seed_points) - baseline - difference, 0, 60)


def best_is_kept(seed, draws, seeds, seed_points, gains):
    """How often the truly best of several methods is in the set that is tied with the best, and the set's mean size."""
    abilities = [ABILITY + gain * POINT for gain in gains]
    best = int(np.argmax(gains))
    kept, size = 0, 0
    # statsmodels' Holm collects garbage at each call, which takes longer than all else here.
    with mock.patch("gc.collect"):
        for methods in experiments(seed, draws, seeds, seed_points, abilities):
            for one in zip(*methods, strict=True):
                tied = tied_with_the_best(one, None, 0.95)
                kept += tied[best]
                size += sum(tied)
    return kept / draws, size / draws


def missed_ratios(seed, draws, seeds, seed_points, interval):
    """Share of experiments whose 95 % interval misses the true student / teacher; interval(student [S, N], teacher [N])."""
    teacher_ability = 1.3
    true = true_score(ABILITY, seed_points) / true_score(teacher_ability)
    missed = 0
    for students, teachers in experiments(seed, draws, seeds, (seed_points, 0), (ABILITY, teacher_ability)):
        for student, teacher in zip(students, teachers, strict=True):
            low, high = interval(student, teacher[0])
            missed += not low <= true <= high
    return missed / draws
