"""Which runs are behind a number of a table, and which data rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from potstill.errors import ConfigError

# Column of a table -> column of the collected runs that it names.
NAMES = {
    "task": "task",
    "model": "student",
    "student": "student",
    "method": "method",
    "variant": "variant",
    "seed": "seed",
}
# Whose number it is needs the teacher's answers, too.
OF_THE_TEACHER = ("retention", "keeps", "agreement", "inherited", "unlearned", "kl", "teacher")


def matching_rows(table: pd.DataFrame, wanted: Mapping[str, str], where: str) -> pd.DataFrame:
    """The rows whose columns have the wanted values, compared as text; numbers as numbers.

    Args:
        where: what the table is called in error messages.

    Raises:
        ConfigError: no such column, or no such row; says which there are.
    """
    found = table
    for column, value in wanted.items():
        if column not in table:
            raise ConfigError(f"{where}: no column {column!r}; there are {', '.join(table.columns)}")
        here = found[[_is(cell, value) for cell in found[column]]]
        if here.empty:
            others = ", ".join(dict.fromkeys(found[column].map(str)))
            raise ConfigError(f"{where}: no row with {column} {value!r}; there are {others}")
        found = here
    return found


def runs_behind(row: Mapping[str, Any], runs: pd.DataFrame) -> pd.DataFrame:
    """The collected runs that a row of a table was computed from, in their order.

    A row that names no variant speaks of the selected ones, one without a seed of all seeds, a difference of both sides, and
    a share of the teacher's score of the teacher as well.

    Args:
        row: column -> value; those of `NAMES`, `other` (or `baseline`) and `other_variant` count.
        runs: `runs.parquet` of the collected experiment.
    """
    behind = _named(row, runs)
    other = row.get("other", row.get("baseline"))
    if _is_given(other):
        behind = behind | _named({**row, "method": other, "variant": row.get("other_variant")}, runs)
    if any(str(column).startswith(OF_THE_TEACHER) and _is_given(value) for column, value in row.items()):
        of_task = {"task": row["task"]} if _is_given(row.get("task")) else {}
        behind = behind | _named({**of_task, "method": "teacher"}, runs)
    return runs.loc[behind]


def data_rows(runs: pd.DataFrame, scores: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """The scores of single examples of some runs: `scores.parquet` without all others."""
    keys = ["task", "role", "student", "method", "variant", "seed"]
    rows = scores.merge(runs[[*keys, "run_id"]], on=keys)
    return rows[rows.metric == metric] if metric else rows


def _named(row: Mapping[str, Any], runs: pd.DataFrame) -> NDArray[np.bool_]:
    named = {NAMES[column]: value for column, value in row.items() if column in NAMES and _is_given(value)}
    found = np.ones(len(runs), dtype=bool) if "variant" in named else runs["selected"].to_numpy(dtype=bool)
    for column, value in named.items():
        found = found & np.array([_is(cell, str(value)) for cell in runs[column]], dtype=bool)
    return found


def _is_given(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and pd.isna(value)) and value != ""


def _is(cell: Any, value: str) -> bool:
    if str(cell) == value:
        return True
    try:
        return float(cell) == float(value)
    except (TypeError, ValueError):
        return False
