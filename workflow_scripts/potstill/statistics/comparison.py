"""The tables of a comparison, from the scores of single examples. Formats: "Comparison" in docs/architecture.md."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from potstill.statistics.cells import matrices
from potstill.statistics.contrasts import contrasts
from potstill.statistics.noninferiority import retentions
from potstill.statistics.selection import budget
from potstill.statistics.summary import summarise
from potstill.statistics.wins import wins


def compare(
    runs: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    baseline: str,
    retention: float,
    confirmatory: Sequence[str] | None,
    confidence: float,
    family: Literal["task", "experiment"],
    power: float,
) -> dict[str, pd.DataFrame]:
    """The tables `summary`, `contrasts`, `retention`, `wins` and `budget`.

    Args:
        runs, scores: `runs.parquet` and `scores.parquet` of the collected experiment; the rest: `comparison:` of the
            experiment.

    Raises:
        DataError: scores cannot be compared example by example, or a student was not trained with the baseline.
    """
    cells = matrices(scores)
    differences = contrasts(
        cells, runs, baseline=baseline, confirmatory=confirmatory, confidence=confidence, family=family, power=power
    )
    return {
        "summary": summarise(cells, runs, confidence),
        "contrasts": differences,
        "retention": retentions(cells, runs, margin=retention, confidence=confidence, family=family, power=power),
        "wins": wins(differences, runs, baseline, confidence),
        "budget": budget(runs),
    }
