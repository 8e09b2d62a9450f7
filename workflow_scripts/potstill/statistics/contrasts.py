"""Which methods are compared with which: the confirmatory family, fixed before the run, and all that is looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pandas as pd

from potstill.errors import DataError
from potstill.statistics.cells import Choice, Matrices, choices
from potstill.statistics.difference import difference
from potstill.statistics.multiplicity import adjusted
from potstill.statistics.notes import about_trials

COLUMNS = [
    "task", "student", "method", "variant", "other", "other_variant", "metric", "role", "family", "difference",
    "ci_low", "ci_high", "se", "df", "p", "p_adjusted", "adjustment", "test", "paired_t", "paired_t_p", "cohens_d",
    "hedges_g", "hedges_g_low", "hedges_g_high", "p_improvement", "mde", "power", "seeds_needed", "examples_needed",
    "n_seeds", "n_examples", "n_clusters", "disagreement", "seed_sd", "seed_sd_other", "confidence", "note",
]  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    """A contrast to be made; `trials` of both where their variants were selected."""

    task: str
    student: str
    method: str
    variant: str
    other: str
    other_variant: str
    metric: str
    role: Literal["confirmatory", "exploratory"]
    trials: tuple[int, int] | None = None


def contrasts(
    cells: Matrices,
    runs: pd.DataFrame,
    *,
    baseline: str,
    confirmatory: Sequence[str] | None,
    confidence: float,
    family: Literal["task", "experiment"],
    power: float,
) -> pd.DataFrame:
    """One row a contrast, the confirmatory ones first.

    Confirmatory, corrected by Holm: the selected variant of each method of `confirmatory` (None: all) against the
    baseline's, primary metric. Exploratory, corrected by Benjamini and Hochberg: selected variants of the other
    methods against the baseline's, and of all methods against each other; variants that were not selected against the
    baseline; the other metrics of the confirmatory pairs.

    Raises:
        DataError: a student of a task was not trained with the baseline.
    """
    pairs = list(_pairs(cells, choices(runs), baseline, confirmatory))
    pairs.sort(key=lambda pair: pair.role)  # stable, and "confirmatory" comes before "exploratory"
    rows = []
    for pair in pairs:
        method = cells[pair.task, "student", pair.student, pair.method, pair.variant, pair.metric]
        other = cells[pair.task, "student", pair.student, pair.other, pair.other_variant, pair.metric]
        row = difference(method, other, confidence, power)
        if pair.trials:
            row["note"] += about_trials(pair.method, pair.trials[0], pair.other, pair.trials[1])
        facts = {name: getattr(pair, name) for name in COLUMNS[:8]}
        rows.append(facts | row | {"note": "; ".join(row["note"])})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["family"] = table.task if family == "task" else "all"
    confirms = table.role == "confirmatory"
    table["adjustment"] = confirms.map({True: "holm", False: "bh"})
    table["p_adjusted"] = adjusted(table.p[confirms], table.family[confirms], "holm").combine_first(
        adjusted(table.p[~confirms], table.family[~confirms], "bh")
    )
    return table


def _pairs(
    cells: Matrices, chosen: Sequence[Choice], baseline: str, confirmatory: Sequence[str] | None
) -> Iterator[_Pair]:
    for task, student in dict.fromkeys((choice.task, choice.student) for choice in chosen):
        methods = {c.method: c for c in chosen if (c.task, c.student) == (task, student)}
        if baseline not in methods:
            raise DataError(
                f"comparison.baseline: {baseline} has no run for task {task}, student {student}; it has "
                f"{', '.join(methods)}. Add the method {baseline} to the experiment, or name another baseline."
            )
        reference = methods.pop(baseline)
        variants = {key[3:]: None for key in cells if key[:3] == (task, "student", student)}
        for choice in methods.values():
            confirms = confirmatory is None or choice.method in confirmatory
            yield _selected(choice, reference, "confirmatory" if confirms else "exploratory")
            for method, variant, metric in variants:
                if confirms and (method, variant) == (choice.method, choice.variant) and metric != choice.metric:
                    yield _selected(choice, reference, "exploratory", metric)
        for choice, other in combinations(methods.values(), 2):
            yield _selected(choice, other, "exploratory")
        selected = {(choice.method, choice.variant) for choice in [reference, *methods.values()]}
        for method, variant, metric in variants:
            if metric == reference.metric and (method, variant) not in selected:
                both = (task, student, method, variant, baseline, reference.variant)
                yield _Pair(*both, metric, "exploratory")


def _selected(
    choice: Choice, other: Choice, role: Literal["confirmatory", "exploratory"], metric: str | None = None
) -> _Pair:
    both = (choice.task, choice.student, choice.method, choice.variant, other.method, other.variant)
    return _Pair(*both, metric or choice.metric, role, (choice.trials, other.trials))
