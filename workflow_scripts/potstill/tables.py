"""Parquet with page checksums: a flipped bit is an error, not another number.

By default pyarrow neither writes nor checks them, and most single-bit flips in a data page then load as wrong values.
"""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from potstill.errors import ArtefactError


def write_table(table: pa.Table | pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as Parquet (zstd, page checksums); the same table gives the same bytes."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    # pandas' own metadata names library versions; without it equal tables are equal files.
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd", write_page_checksum=True)


def read_table(path: str | os.PathLike[str], columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file, checking every page.

    Raises:
        ArtefactError: missing, truncated, damaged, or without one of `columns`.
    """
    try:
        return pq.read_table(Path(path), columns=columns, page_checksum_verification=True)
    except FileNotFoundError:
        raise ArtefactError(f"{path}: missing") from None
    except (OSError, pa.ArrowException) as error:
        raise ArtefactError(f"{path}: cannot be read as Parquet: {error}") from None


def read_frame(path: str | os.PathLike[str], columns: list[str] | None = None) -> pd.DataFrame:
    """`read_table` as a pandas DataFrame."""
    return read_table(path, columns).to_pandas()
