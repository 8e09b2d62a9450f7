"""A table of the summary: its numbers as CSV, and the same as a reader sees them, in LaTeX with booktabs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from potstill.p_values import p_value_text

MISSING = "--"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "†": r"\textdagger{}",
}  # fmt: skip


# A4 with usual margins, in points. Sizes are set in points, so that a table is the same in any document.
TEXT_WIDTH = 449.0  # 160 mm are 455; widths of letters are estimates
ONE_PAGE = 40  # lines with their headings and a long caption; a longer table may break over pages
_GAP = 8.0  # between two columns
_SIZES = (8.0, 7.0)
# Widths in units of the font's size, of Computer Modern at 7 points: no usual font is wider.
_CHARACTERS = dict.fromkeys(" .,:;()[]|-ijlft", 0.37) | dict.fromkeys("+<>=%", 0.88)
_MINUS = re.compile(r"(?<![\w.)}])-(?=\d)")
_NARROWEST = 60.0  # of a column whose text is broken into lines


@dataclass(frozen=True)
class Table:
    """What a table's `build` returns.

    Attributes:
        data: for the CSV: one number a cell, scores in 0..1.
        shown: for LaTeX: text, percentages, intervals beside their values.
        caption: plain text: what the numbers are, n, seeds, what the interval is.
        heading: column of `shown` whose text stands on a line of its own above the rows that share it; "": none.
    """

    data: pd.DataFrame
    shown: pd.DataFrame
    caption: str
    heading: str = ""


def write(table: Table, folder: Path, name: str) -> None:
    """Write `<name>.csv` and `<name>.tex`."""
    table.data.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    text = latex(table.shown, table.caption, f"tab:{name}", table.heading)
    (folder / f"{name}.tex").write_text(text, encoding="utf-8")


def latex(shown: pd.DataFrame, caption: str, label: str, heading: str = "") -> str:
    """A LaTeX table with booktabs rules that fits A4; every cell, heading and the caption escaped.

    Wide tables get smaller letters, then broken lines in their longest text columns; more than `ONE_PAGE` lines become a
    longtable, which breaks over pages.

    Args:
        heading: as in `Table`.
    """
    cells = shown.drop(columns=heading) if heading else shown
    size, wrapped = _layout(cells)
    form = "".join(
        f"p{{{wrapped[column]:.0f}pt}}" if column in wrapped else "r" if _is_numeric(cells[column]) else "l"
        for column in cells
    )
    body: list[str] = []
    above = None
    for position, row in enumerate(cells.to_dict("records")):
        if heading and (title := str(shown[heading].iloc[position])) != above:
            body += [r"\addlinespace"] if above is not None else []
            above = title
            body.append(rf"\multicolumn{{{cells.shape[1]}}}{{l}}{{\emph{{{escape_latex(title)}}}}} \\")
        body.append(" & ".join(_cell(value, column in wrapped) for column, value in row.items()) + r" \\")
    lines = _lines(cells, size, wrapped) + body.count(r"\addlinespace") + bool(heading)
    head = " & ".join(escape_latex(str(column)) for column in cells) + r" \\"
    title = rf"\caption{{{escape_latex(caption)}}}"
    small = rf"\fontsize{{{size:g}}}{{{1.2 * size:g}}}\selectfont\setlength{{\tabcolsep}}{{{_GAP / 2:g}pt}}"
    rule, last = [r"\toprule", head, r"\midrule"], r"\bottomrule"
    if lines > ONE_PAGE:
        parts = ["% needs \\usepackage{booktabs,longtable}", r"\begingroup\setlength{\LTcapwidth}{\textwidth}"]
        parts += [small, rf"\begin{{longtable}}{{{form}}}"]
        # In a longtable caption and label are a row.
        parts += [title, rf"\label{{{label}}} \\", *rule, r"\endhead", *body, last, r"\end{longtable}", r"\endgroup"]
    else:
        parts = ["% needs \\usepackage{booktabs}", r"\begin{table}[htbp]", r"\centering", title, rf"\label{{{label}}}"]
        parts += [r"\vspace{4pt}", small, rf"\begin{{tabular}}{{{form}}}", *rule, *body, last]
        parts += [r"\end{tabular}", r"\end{table}"]
    return "\n".join(parts) + "\n"


def _layout(cells: pd.DataFrame) -> tuple[float, dict[str, float]]:
    """The font's size, and the width of each column whose text is broken into lines, in points."""
    natural = {str(name): max(map(_width, [str(name), *column])) for name, column in cells.items()}
    available = TEXT_WIDTH - _GAP * len(natural)
    for size in _SIZES:
        widths = {column: size * width for column, width in natural.items()}
        if sum(widths.values()) <= available:
            return size, {}
    wrapped: dict[str, float] = {}
    texts = [column for column, width in widths.items() if width > _NARROWEST and not _is_numeric(cells[column])]
    for column in sorted(texts, key=lambda column: -widths[column]):
        rest = available - sum(wrapped.get(other, width) for other, width in widths.items() if other != column)
        wrapped[column] = max(rest, _NARROWEST)
        if rest >= _NARROWEST:
            break
    return size, wrapped


def _lines(cells: pd.DataFrame, size: float, wrapped: dict[str, float]) -> int:
    """How many lines the rows take."""
    broken = pd.DataFrame(
        {column: np.ceil(cells[column].map(_width) * size / width) for column, width in wrapped.items()},
        index=cells.index,
    )
    return int(broken.assign(single=1).max(axis=1).sum())


def _width(text: str) -> float:
    """How wide a text is printed at most, in units of the font's size."""
    text = _MINUS.sub("+", text)
    return sum(
        _CHARACTERS.get(character, 0.57 if character.islower() or character.isdigit() else 0.8) for character in text
    )


def _cell(value: str, wrapped: bool) -> str:
    text = escape_latex(value)
    # Names may be broken after each underscore or dash, which LaTeX would not do.
    # \raggedright takes over \\, which is to end the row.
    return r"\raggedright\let\\\tabularnewline " + text.replace(r"\_", r"\_\allowbreak{}") if wrapped else text


def rows(table: pd.DataFrame) -> Iterable[Any]:
    """The rows, with the columns as attributes."""
    return table.itertuples(index=False)


def escape_latex(text: str) -> str:
    """The text with LaTeX's special characters made printable, and minus signs as long as plus signs."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return _MINUS.sub(r"\\textminus{}", escaped)


def percent(value: float, digits: int) -> str:
    """A score or share of 0..1 as a percentage without its sign."""
    return MISSING if pd.isna(value) else f"{100 * value:.{digits}f}"


def number(value: float, digits: int) -> str:
    """A number with a fixed count of decimals."""
    return MISSING if pd.isna(value) else f"{value:.{digits}f}"


def p_value(value: float) -> str:
    """A p-value in a cell."""
    return MISSING if pd.isna(value) else p_value_text(value)


def shortened(text: str, length: int) -> str:
    """The text, or its beginning and `...`."""
    return text if len(text) <= length else text[: length - 3] + "..."


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
