"""The examples on which methods differ most, for reading them side by side."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from potstill.analysis.answers import Cell, TaskResults
from potstill.analysis.schema import SHARE, TEXT

SCHEMA = pa.schema(
    {
        "task": TEXT,
        "example_id": TEXT,
        "prompt": TEXT,
        "gold": TEXT,
        "role": TEXT,
        "student": TEXT,
        "method": TEXT,
        "answer": TEXT,
        "share_right": SHARE,
        "spread": SHARE,
    }
)


def differing(results: Iterable[TaskResults], most: int) -> pd.DataFrame:
    """Up to `most` examples a task, the most differing first, in long form: the teacher's answer, then every student's.

    `spread` is the variance over methods of the share of seeds that are right, as a mean over students, so that a
    larger student is no method; examples on which no method differs are left out, ties are in the order of the ids.
    `answer` is what most seeds answer; of equally many, what the first seed does.
    """
    rows = []
    for task in results:
        spreads = spread(task.students)
        order = np.argsort(-spreads, kind="stable")
        for index in order[spreads[order] > 0][:most]:
            example = task.examples.iloc[index]
            front = {
                "task": task.task,
                "example_id": example.example_id,
                "prompt": example.prompt,
                "gold": example.gold,
            }
            rows += [
                {**front, "role": cell.role, "student": cell.student, "method": cell.method}
                | {"answer": majority(cell, index), "share_right": float(cell.right[:, index].mean())}
                | {"spread": float(spreads[index])}
                for cell in task.cells
            ]
    return pd.DataFrame(rows, columns=SCHEMA.names)


def spread(students: Iterable[Cell]) -> NDArray[np.float64]:
    """[N], variance over a student's methods of the share of right seeds, mean over students."""
    shares: dict[str, list[NDArray[np.float64]]] = {}
    for cell in students:
        shares.setdefault(cell.student, []).append(cell.right.mean(axis=0))
    variances: NDArray[np.float64] = np.mean([np.var(of_methods, axis=0) for of_methods in shares.values()], axis=0)
    # Shares of seeds are fractions: what is equal must not differ by rounding.
    return variances.round(12)


def majority(cell: Cell, index: int) -> str:
    """What most seeds answer to an example, in the spelling of the first of them."""
    answers = cell.answers[:, index].tolist()
    commonest = Counter(answers).most_common(1)[0][0]  # of equally many the one met first
    return str(cell.texts[answers.index(commonest), index])
