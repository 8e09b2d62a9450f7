"""The index of targets that have several rows an example: which rows are whose."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from potstill.tables import write_table
from potstill.targets.layout import INDEX

SCHEMA = pa.schema(
    [("example_id", pa.string()), ("split", pa.string()), ("offset", pa.int64()), ("n_tokens", pa.int32())]
)


def write_index(directory: Path, example_ids: Sequence[str], splits: Sequence[str], counts: Sequence[int]) -> None:
    """Example i owns rows offset[i] to offset[i] + counts[i] of the tensors beside the index."""
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    columns = [list(example_ids), list(splits), offsets, np.array(counts, dtype=np.int32)]
    write_table(pa.table(columns, schema=SCHEMA), directory / INDEX)
