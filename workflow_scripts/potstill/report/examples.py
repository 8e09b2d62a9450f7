"""The examples on which the methods differ most, each with the answers side by side."""

from dataclasses import dataclass

import pandas as pd

from potstill.report.evidence import Evidence
from potstill.report.table import rows


@dataclass(frozen=True)
class Answer:
    """What one model gives; `right` is the share of its seeds that are right."""

    who: str
    answer: str
    right: float


@dataclass(frozen=True)
class Example:
    """One test example, the teacher's answer first."""

    task: str
    example_id: str
    prompt: str
    gold: str
    answers: list[Answer]


def examples(evidence: Evidence) -> list[Example]:
    """The examples in the order of the table, which is that of how far the methods are apart."""
    table = evidence["error_analysis/differing"]
    found = []
    for (task, example_id), part in table.groupby(["task", "example_id"], sort=False):
        ordered = pd.concat([part[part.role == "teacher"], part[part.role != "teacher"]])
        answers = [
            Answer(_who(row.role, row.student, row.method), str(row.answer), float(row.share_right))
            for row in rows(ordered)
        ]
        first = part.iloc[0]
        found.append(Example(str(task), str(example_id), str(first.prompt), str(first.gold), answers))
    return found


def _who(role: str, student: str, method: str) -> str:
    return f"teacher ({student})" if role == "teacher" else f"{student}, {method}"
