"""How many seeds, or examples, another experiment would need to find a difference like the observed one.

The variance of a mean difference over S seeds and N examples has three parts, and each shrinks in its own way:

    v(S, N) = s2_seed / S + s2_example / N + s2_residual / (S * N)

so more examples do not help where seeds differ, nor more seeds where the examples are few. Without seeds this is the
sample size of Miller 2024 ("Adding error bars to evals", eq. 9), with t in place of the normal distribution.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from potstill.statistics.power import power_of_t
from potstill.statistics.variance_components import Components

MOST_SEEDS = 1000
MOST_UNITS = 10_000_000


@dataclass(frozen=True)
class Spread:
    """Variance components of a difference: of one seed, one unit (example or cluster), one residual.

    Attributes:
        seed, residual: one value for each of the two methods; empty where one seed leaves them unknown.
        unit: of the difference.
    """

    seed: tuple[float, ...]
    unit: float
    residual: tuple[float, ...]

    def power(self, difference: float, seeds: int, units: int, confidence: float) -> float:
        """Chance that the two-way test of `variance_components` finds a true difference with so many seeds and units."""
        residual = sum(self.residual) / (seeds * units)
        of_seeds = [s / seeds + r / (seeds * units) for s, r in zip(self.seed, self.residual, strict=True)]
        of_units = self.unit / units + residual
        variance = of_units + sum(of_seeds) - residual
        if variance == 0:
            return float(difference != 0)
        terms = of_units**2 / (units - 1) + sum(part**2 for part in of_seeds) / max(seeds - 1, 1)
        df = min(variance**2 / terms, 1e4)  # as in `minimum_detectable_difference`
        return power_of_t(abs(difference) / float(np.sqrt(variance)), df, confidence)


def spread(components: Components) -> Spread:
    """The components of one seed and one unit, from those of a measured mean; negative ones count as 0."""
    units = components.units
    residual = sum(float(side.residual) for side in components.sides)
    return Spread(
        seed=tuple(side.seeds * max(float(side.seed - side.residual), 0.0) for side in components.sides),
        unit=units * max(float(components.unit) - residual, 0.0),
        residual=tuple(float(side.residual) * side.seeds * units for side in components.sides),
    )


def seeds_needed(parts: Spread, difference: float, units: int, confidence: float, power: float) -> float:
    """Seeds of each method that find `difference` with probability `power` on as many units as there are.

    NaN where no number up to 1,000 does, because the examples are too few, or where seeds vary by an unknown amount.
    """
    if not parts.seed:
        return float("nan")
    return _fewest(lambda seeds: parts.power(difference, seeds, units, confidence), MOST_SEEDS, power)


def units_needed(parts: Spread, difference: float, seeds: int, confidence: float, power: float) -> float:
    """Units (examples, or clusters of them) that find `difference` with probability `power` with as many seeds.

    NaN where no number up to 10 million does, because the seeds are too few. With one seed it speaks of these runs.
    """
    return _fewest(lambda units: parts.power(difference, seeds, units, confidence), MOST_UNITS, power)


def _fewest(chance: Callable[[int], float], most: int, power: float) -> float:
    # The chance grows with either number, so halving the range finds the first that reaches `power`.
    numbers = range(2, most + 1)
    place = bisect_left(numbers, power, key=chance)
    return float(numbers[place]) if place < len(numbers) else float("nan")
