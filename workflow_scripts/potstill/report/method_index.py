"""What docs/methods.md, the index of the methods, says of each: its loss, what it trains on, its paper."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Of the index's table, in this order.
_CELLS = 6


@dataclass(frozen=True)
class MethodEntry:
    """One row of the index.

    Attributes:
        name: the method's file; `condition`: the option and value that the row is about, None: all others.
        loss: the equation, plain text.
    """

    name: str
    condition: tuple[str, str] | None
    title: str
    loss: str
    trains_on: str
    targets: str
    paper: str


def read_index(text: str) -> list[MethodEntry]:
    """The rows of the index's table of methods; none where the text has no such table."""
    entries = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        match = re.match(r"`(\w+)`(?:, `(\w+): (\w+)`)?\s*(.*)", cells[0])
        if match and line.startswith("|") and len(cells) == _CELLS:
            name, key, value, title = match.groups()
            condition = (key, value) if key else None
            loss, trains_on, targets, paper = (cell.replace("`", "") for cell in cells[1:5])
            entries.append(
                MethodEntry(name, condition, title or f"{key}: {value}", loss, trains_on, targets, paper or "none")
            )
    return entries


def convention(text: str) -> str:
    """The index's paragraph on what all losses have in common; empty where there is none."""
    found = re.search(r"^Convention everywhere: (.+?)\n\n", text, flags=re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()).replace("`", "") if found else ""


def entry_of(entries: list[MethodEntry], name: str, options: Mapping[str, Any]) -> MethodEntry | None:
    """The row that holds for a method with these options; None: the index does not know it."""
    mine = [entry for entry in entries if entry.name == name]
    for entry in mine:
        if entry.condition and str(options.get(entry.condition[0])) == entry.condition[1]:
            return entry
    return next((entry for entry in mine if entry.condition is None), None)
