"""On how many tasks a method beats the baseline."""

import numpy as np
import pandas as pd

from potstill.statistics.cells import choices
from potstill.statistics.multiplicity import adjusted, partial_conjunction

COLUMNS = ["student", "method", "n_tasks", "tasks_won", "which"]


def wins(contrasts: pd.DataFrame, runs: pd.DataFrame, baseline: str, confidence: float) -> pd.DataFrame:
    """One row per student and method: at least how many of its tasks it wins, and which (Holm over its tasks).

    From the contrasts of selected variants with the baseline, primary metric, each one-sided: half the two-sided
    p-value where the method is ahead. Tasks share models and teacher, so the counts are Bonferroni's.
    """
    columns = ["task", "student", "method", "variant", "metric"]
    selected = {tuple(getattr(choice, name) for name in columns) for choice in choices(runs)}
    keys = contrasts[columns].itertuples(index=False, name=None)
    own = contrasts[(contrasts.other == baseline) & np.array([key in selected for key in keys], bool)]
    rows = []
    for (student, method), part in own.groupby(["student", "method"], sort=False):
        p = (part.p / 2).where(part.difference > 0, 1 - part.p / 2)
        holm = adjusted(p, pd.Series("all", index=p.index), "holm")
        rows.append(
            {
                "student": student,
                "method": method,
                "n_tasks": len(part),
                "tasks_won": partial_conjunction(p, 1 - confidence),
                "which": part.task[holm <= 1 - confidence].tolist(),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
