"""Tables as the page shows them: cells of text, and which columns hold numbers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from potstill.report.evidence import Evidence
from potstill.report.table import MISSING, number, percent, rows

_NUMBER = re.compile(rf"|{MISSING}|[-+<]?\d.*")
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")


@dataclass(frozen=True)
class Grid:
    """Columns with their heading and whether they hold numbers; rows of text."""

    columns: list[tuple[str, bool]]
    rows: list[list[str]]

    @property
    def plain_rows(self) -> list[list[str]]:
        """The rows for a Markdown table."""
        return [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in self.rows]


def grid(shown: pd.DataFrame) -> Grid:
    """A table's `shown` cells: names that print leaves out where they repeat are filled in, so that rows can be sorted."""
    filled = shown.copy()
    for column in filled:
        blank = filled[column].eq("")
        if not blank.any():
            break
        filled[column] = filled[column].mask(blank).ffill().fillna("")
    columns = [(str(name), bool(filled[name].map(_NUMBER.fullmatch).notna().all())) for name in filled]
    rows = [[_typeset(str(cell)) for cell in row] for row in filled.itertuples(index=False)]
    return Grid(columns, rows)


def settings_grid(settings: Mapping[str, Any]) -> Grid:
    """Every key of the settings with its value, nested keys with dots."""
    return Grid([("Key", False), ("Value", False)], [[key, _value(value)] for key, value in _flat(settings, "")])


def error_grids(evidence: Evidence) -> Iterator[tuple[str, str, Grid, str]]:
    """Name, title, cells and caption of the tables of the error analysis that there is something in."""
    agreement = evidence["error_analysis/agreement"]
    if len(agreement):
        shares = ["agreement", "both_right", "inherited", "both_wrong_differently", "unlearned", "only_student"]
        keys = ["task", "student", "method", "variant"]
        means = agreement.groupby(keys, sort=False, as_index=False)[[*shares, "inherited_share", "kl"]].mean()
        cells = {key.capitalize(): means[key] for key in keys}
        cells |= {f"{name.replace('_', ' ').capitalize()} (%)": _percents(means[name]) for name in shares}
        cells["Inherited of its errors (%)"] = _percents(means.inherited_share)
        cells["KL to teacher (nats)"] = means.kl.map(lambda value: number(value, 3))
        yield (
            "agreement",
            "Where student and teacher agree",
            grid(pd.DataFrame(cells)),
            "Shares of the test examples, mean over seeds. Inherited: both wrong with the same answer; unlearned: the teacher "
            "is right and the student wrong; only student: the student is right and the teacher wrong.",
        )
    options = evidence["error_analysis/options"]
    if len(options):
        options = options.assign(who=_who(options))
        order = options.role.map({"gold": 0, "teacher": 1}).fillna(2)
        options = options.iloc[order.argsort(kind="stable")]
        wide = options.pivot_table(index=["task", "option"], columns="who", values="share", sort=False)
        cells = {
            key.capitalize(): wide.index.get_level_values(key).to_series(index=wide.index) for key in ("task", "option")
        }
        cells |= {f"{name} (%)": _percents(wide[name]) for name in wide}
        yield (
            "options",
            "Which answers are given how often",
            grid(pd.DataFrame(cells)),
            "Share of the test examples that get each answer. A student far from gold in one direction may have found a "
            "shortcut.",
        )
    slices = evidence["error_analysis/slices"]
    if len(slices):
        shown = pd.DataFrame(
            {
                "Task": slices.task,
                "Student": slices.student,
                "Method": slices.method,
                "Slice": slices["slice"].astype(str) + ": " + slices["value"].astype(str),
                "n": slices.n_examples.map(lambda value: number(value, 0)),
                "Score (%)": [
                    f"{percent(row.score, 1)} [{percent(row.ci_low, 1)}, {percent(row.ci_high, 1)}]"
                    for row in rows(slices)
                ],
                "Teacher (%)": _percents(slices.teacher_score),
                "Baseline (%)": _percents(slices.baseline_score),
            }
        )
        yield (
            "slices",
            "Scores on parts of the test set",
            grid(shown),
            "Many parts are looked at and none was asked for beforehand: take a difference here as an idea, not as a result.",
        )


def _who(table: pd.DataFrame) -> pd.Series:
    named = table.student.fillna("").astype(str) + " " + table.method.fillna("").astype(str)
    return table.role.where(table.role != "student", named.str.strip())


def _percents(values: pd.Series) -> pd.Series:
    return values.astype(float).map(lambda value: percent(value, 1))


def _typeset(cell: str) -> str:
    return "–" if cell == MISSING else _MINUS.sub("−", cell)


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _flat(item, f"{key}.{name}" if key else str(name))
    elif value != {}:
        yield key, value


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "–"
    if value is None:
        return "–"
    return str(value).lower() if isinstance(value, bool) else str(value)
