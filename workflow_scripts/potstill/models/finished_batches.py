"""The finished batches of passes over examples: what an interrupted job goes on from, to the same rows.

A row is a dict of NumPy arrays and plain values (text, numbers, truth values), with the same names in all rows of a job.
A batch's rows depend on that batch alone, so those that are kept need no others to be right. Of several processes the first
one has the rows, reads and writes.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from potstill.checkpoints import CheckpointFolder
from potstill.devices import group

Row = dict[str, Any]
FORM = {"finished batches": 1}  # another number where the files or their meaning change
ARRAYS, BATCHES = "arrays.safetensors", "batches.json"


class FinishedBatches:
    """The checkpoints `batches-<n>` of one job, each with the batches that were finished since the one before.

    Args:
        kept: the job's checkpoints; those with the right bytes are read at once.
        facts: what rows depend on that the job's name does not say (device, precision ...): others are not used.
    """

    def __init__(self, kept: CheckpointFolder, **facts: Any) -> None:
        self.kept = kept
        self._form = FORM | facts
        self._rows: dict[str, list[Row]] = {}
        for folder in kept.found("batches-*") if group.leads() else ():
            if kept.usable(folder, self._form):
                self._rows |= _read(folder)
        self._parts = max((int(path.name[8:]) for path in kept.found("batches-*")), default=0)
        self._unsaved: dict[str, list[Row]] = {}

    def get(self, batch: str) -> list[Row] | None:
        """The rows of a batch that was finished before."""
        return self._rows.get(batch)

    def add(self, batch: str, rows: list[Row]) -> None:
        """Take the rows of a finished batch."""
        self._unsaved[batch] = rows

    def keep(self, where: str) -> None:
        """Write a checkpoint when it is time; `where` says how far the job is.

        Raises:
            Interrupted: a signal asked to stop; all finished batches are kept.
        """
        if self.kept.is_due() and self._unsaved:
            with self.kept.writing(f"batches-{self._parts + 1:08d}", self._form) as folder:
                _write(folder, self._unsaved)
            self._parts += 1
            self._unsaved = {}
        self.kept.stop_if_asked(where)


def _write(folder: Path, batches: Mapping[str, Sequence[Row]]) -> None:
    rows = [row for batch in batches.values() for row in batch]
    arrays = {name: [row[name] for row in rows] for name, value in rows[0].items() if isinstance(value, np.ndarray)}
    content = {
        "batches": [[name, len(batch)] for name, batch in batches.items()],
        "values": {name: [row[name] for row in rows] for name in rows[0] if name not in arrays},
        "lengths": {name: [len(array) for array in column] for name, column in arrays.items()},
    }
    save_file({name: np.concatenate(column) for name, column in arrays.items()}, folder / ARRAYS)
    (folder / BATCHES).write_text(json.dumps(content, allow_nan=False), encoding="utf-8")


def _read(folder: Path) -> dict[str, list[Row]]:
    content = json.loads((folder / BATCHES).read_text(encoding="utf-8"))
    columns: dict[str, Sequence[Any]] = dict(content["values"])
    for name, array in load_file(folder / ARRAYS).items():
        columns[name] = np.split(array, np.cumsum(content["lengths"][name])[:-1])
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    batches, begin = {}, 0
    for name, count in content["batches"]:
        batches[name] = rows[begin : begin + count]
        begin += count
    return batches
