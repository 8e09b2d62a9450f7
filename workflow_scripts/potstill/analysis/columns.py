"""Further columns of a data set, for the examples that were made from it.

Examples keep what training needs. Where a slice asks for more, the data are read once more, by the same code that made
the examples, and each row is known again by the name of its example, which is a hash of its content.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from potstill.errors import DataError
from potstill.plan.explain import suggestion
from potstill.plan.specs.prepare import PrepareSpec, parse_slice
from potstill.tasks.examples import _RowReader, plain  # private there, and to rename it would rename every artefact
from potstill.tasks.formats import Rows, read_rows
from potstill.tasks.prepare import _file


def columns_of_examples(
    specs: Mapping[str, PrepareSpec], datasets: Mapping[str, Path], names: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Task -> `example_id` and those of the columns `names` that its test data have, as text; of repeated inputs the first.

    Args:
        specs: task -> how its examples were made; datasets: task -> the data set's folder.

    Raises:
        DataError: a column is in no task's data.
    """
    files = {task: _test_files(spec, datasets[task]) for task, spec in specs.items()}
    known = list(dict.fromkeys(name for rows in files.values() for file in rows for name in file.columns))
    for name in names:
        if name not in known:
            raise DataError(
                f"error_analysis.slices: no test data of this experiment have a column {name!r}{suggestion(name, known)}"
            )
    return {task: _columns(specs[task], rows, names) for task, rows in files.items()}


def _test_files(spec: PrepareSpec, dataset: Path) -> list[Rows]:
    source = parse_slice(spec.splits["test"])[0]
    return [read_rows(_file(dataset, source, file), spec.format) for file in spec.files[source]]


def _columns(spec: PrepareSpec, files: list[Rows], names: Sequence[str]) -> pd.DataFrame:
    present = [name for name in names if any(name in rows.columns for rows in files)]
    found = []
    for rows in files:
        reader = _RowReader(spec, rows, labelled=True)
        for index, row in enumerate(rows.values):
            if reader.keeps(row) and (example := reader.example(row, index)):
                found.append([example["example_id"], *(plain(row.get(name)) for name in present)])
    return pd.DataFrame(found, columns=["example_id", *present]).drop_duplicates("example_id", ignore_index=True)
