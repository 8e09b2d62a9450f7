"""Print the error rates and the power of the statistics as Markdown tables: `python tests/statistics/null_tables.py`.

About a minute on one core. docs/statistics.md holds what it printed; tests/statistics/test_calibration.py checks it.
"""

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "tests" / "statistics")]

from potstill.statistics.bootstrap import two_level_interval  # noqa: E402
from potstill.statistics.intervals import retention  # noqa: E402
from potstill.statistics.power import mcnemar_detectable_difference  # noqa: E402
from simulated_experiments import (  # noqa: E402
    DRAWS,
    GRID,
    TESTS,
    best_is_kept,
    gain_of,
    missed_ratios,
    printed_mde,
    rejection_rates,
)

SEED = 20261
TEST_SETS = (
    ("RTE, development", 277, 0.15),
    ("MRPC, development", 408, 0.12),
    ("SST-2, development", 872, 0.06),
    ("1,000 examples", 1000, 0.10),
    ("GSM8K, test", 1319, 0.15),
    ("MNLI, development", 9815, 0.10),
)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    print("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n")


def null_rates():
    rates = {design: rejection_rates(TESTS, SEED, *design) for design in GRID}
    head = ["test", *(f"S={seeds}, {points:g} pt" for seeds, points in GRID)]
    table(head, [[name, *(f"{rates[design][name]:.3f}" for design in GRID)] for name in TESTS])


def power_at_the_mde():
    rows = []
    for seeds, points in GRID:
        mde = printed_mde(SEED, seeds, points, 400).mean()
        rates = rejection_rates(
            ["two-way components", "sum of both variances"], SEED, seeds, points, gain_of(mde, points)
        )
        rows.append([f"S={seeds}, {points:g} pt", f"{100 * mde:.1f}", *(f"{rate:.3f}" for rate in rates.values())])
    table(["design", "mean printed MDE, points", "power: two-way components", "power: sum of both variances"], rows)


def tied_sets():
    rows = []
    for gains, points in (((0, 0, 0, 0), 0.0), ((0, 0, 0, 0), 2.0), ((0.5, 0, -1, -6), 1.0), ((0, 0, -8, -8), 0.5)):
        kept, size = best_is_kept(SEED, 600, 3, points, gains)
        rows.append([" / ".join(f"{gain:g}" for gain in gains), f"{points:g} pt", f"{kept:.3f}", f"{size:.2f}"])
    table(["true gains of four methods, points", "seeds", "best is in the set", "size of the set"], rows)


def retention_intervals():
    def delta(student, teacher):
        return retention(student, teacher, None, 0.95)[1:]

    def bootstrap(student, teacher):
        return two_level_interval(lambda s, t: s.mean() / t.mean(), student, teacher[None], resamples=500)

    rows = [
        [f"S={seeds}, {points:g} pt", *(f"{missed_ratios(7, 500, seeds, points, kind):.3f}" for kind in (delta, bootstrap))]
        for seeds, points in ((3, 0.0), (3, 2.0), (5, 2.0))
    ]  # fmt: skip
    table(["design", "missed by the delta method", "missed by the two-level bootstrap"], rows)


def test_sets():
    rows = [
        [name, n, f"{100 * share:g} %", f"{100 * mcnemar_detectable_difference(n, share, 0.95, 0.8):.1f}"]
        for name, n, share in TEST_SETS
    ]
    table(["test set", "n", "disagreement", "MDE, points"], rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(f"Share of {DRAWS:,} experiments without any difference in which one is found at 5 %\n")
    null_rates()
    print(f"Power at the printed minimum detectable difference, {DRAWS:,} experiments\n")
    power_at_the_mde()
    print("Set of methods tied with the best, three seeds, 600 experiments, 95 %\n")
    tied_sets()
    print("95 % intervals of the retention ratio, 500 experiments, 1,000 examples\n")
    retention_intervals()
    print("Smallest difference that McNemar's exact test of one run each finds with 80 % probability\n")
    test_sets()
