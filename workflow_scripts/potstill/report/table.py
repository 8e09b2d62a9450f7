"""A table of the summary: its numbers as CSV, and the same as a reader sees them, in LaTeX with booktabs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

MISSING = "--"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """What a table's `build` returns.

    Attributes:
        data: for the CSV: one number a cell, scores in 0..1.
        shown: for LaTeX: text, percentages, intervals beside their values.
        caption: plain text: what the numbers are, n, seeds, what the interval is.
    """

    data: pd.DataFrame
    shown: pd.DataFrame
    caption: str


def write(table: Table, folder: Path, name: str) -> None:
    """Write `<name>.csv` and `<name>.tex`."""
    table.data.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    (folder / f"{name}.tex").write_text(latex(table.shown, table.caption, f"tab:{name}"), encoding="utf-8")


def latex(shown: pd.DataFrame, caption: str, label: str) -> str:
    """A LaTeX table with booktabs rules; every cell, heading and the caption escaped."""
    escaped = shown.map(escape_latex).rename(columns=escape_latex)
    text = escaped.style.hide(axis="index").to_latex(
        hrules=True,
        caption=escape_latex(caption),
        label=label,
        position="htbp",
        position_float="centering",
        column_format="".join("r" if _is_numeric(shown.iloc[:, i]) else "l" for i in range(shown.shape[1])),
    )
    return "% needs \\usepackage{booktabs}\n" + text.replace("\\centering\n", "\\centering\n\\footnotesize\n", 1)


def rows(table: pd.DataFrame) -> Iterable[Any]:
    """The rows, with the columns as attributes."""
    return table.itertuples(index=False)


def escape_latex(text: str) -> str:
    """The text with LaTeX's special characters made printable."""
    return "".join(_LATEX.get(character, character) for character in text)


def percent(value: float, digits: int) -> str:
    """A score or share of 0..1 as a percentage without its sign."""
    return MISSING if pd.isna(value) else f"{100 * value:.{digits}f}"


def number(value: float, digits: int) -> str:
    """A number with a fixed count of decimals."""
    return MISSING if pd.isna(value) else f"{value:.{digits}f}"


def p_value(value: float) -> str:
    """A p-value to three decimals; below 0.001 only that it is below."""
    if pd.isna(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def with_interval(value: float, low: float, high: float, digits: int, signed: bool = False) -> str:
    """`82.2 [78.7, 85.1]` from shares of 0..1; the value alone where it has no interval."""
    if pd.isna(value):
        return MISSING
    form = f"{'+' if signed else ''}.{digits}f"
    shown = format(100 * value, form)
    return shown if pd.isna(low) else f"{shown} [{format(100 * low, form)}, {format(100 * high, form)}]"


def without_repeats(shown: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Blank a leading column's value where it and those left of it are the same as in the row above."""
    shown = shown.copy()
    same = pd.Series(True, index=shown.index)
    for column in columns:
        same &= shown[column].eq(shown[column].shift())
        shown[column] = shown[column].mask(same, "")
    return shown


def _is_numeric(column: pd.Series) -> bool:
    return bool(column.str.fullmatch(rf"|{MISSING}|[-+<]?\d.*").all())


def span(values: pd.Series) -> str:
    """`3`, or `1 to 3` where the rows differ."""
    low, high = values.min(), values.max()
    return f"{low}" if low == high else f"{low} to {high}"
