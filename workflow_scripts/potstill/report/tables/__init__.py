"""One file a table; `build` makes it from the collected results."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from potstill.report.table import Table


def build_table(name: str, folders: Mapping[str, Path], digits: int) -> "Table":
    """The table of that name; `folders` are those of the end products that it reads."""
    table: Table = import_module(f"potstill.report.tables.{name}").build(folders, digits)
    return table
