"""Parquet through `tables`: equal tables are equal bytes, and no damage passes for data."""

import contextlib
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from potstill.errors import ArtefactError
from potstill.tables import read_frame, read_table, write_table


@pytest.fixture
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    logits = list(generator.normal(size=(500, 2)).astype(np.float32))
    return pd.DataFrame({"example_id": [f"{i:016x}" for i in range(500)], "label": range(500), "logits": logits})


def test_a_frame_comes_back_as_it_was(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_table(frame, tmp_path / "a.parquet")
    back = read_frame(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(back, frame)
    assert list(read_frame(tmp_path / "a.parquet", ["label"]).columns) == ["label"]


def test_equal_tables_are_equal_bytes_however_they_are_given(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_table(frame, tmp_path / "a.parquet")
    write_table(frame.set_index(pd.RangeIndex(7, 507)), tmp_path / "b.parquet")
    write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "c.parquet")
    first = (tmp_path / "a.parquet").read_bytes()
    assert (tmp_path / "b.parquet").read_bytes() == first
    assert (tmp_path / "c.parquet").read_bytes() == first


def test_no_flipped_bit_gives_other_numbers(tmp_path: Path, frame: pd.DataFrame) -> None:
    """Each of 300 flips in the pages is refused, or changes nothing that is read. Seeded: no false alarm.

    The footer has no checksum of its own; the manifest's SHA-256 covers the whole file.
    """
    path = tmp_path / "a.parquet"
    write_table(frame, path)
    good, expected = path.read_bytes(), read_table(path)
    pages = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    generator = random.Random(1)
    refused = unprotected_differs = 0
    for _ in range(300):
        data = bytearray(good)
        data[generator.randrange(pages)] ^= 1 << generator.randrange(8)
        path.write_bytes(data)
        try:
            assert read_table(path).equals(expected)
        except ArtefactError as error:
            assert "a.parquet" in str(error)  # noqa: PT017
            refused += 1
        with contextlib.suppress(OSError, pa.ArrowException):
            unprotected_differs += not pq.read_table(path).equals(expected)
    assert refused > 200
    assert unprotected_differs > 20  # the control: without verification many flips pass for data


@pytest.mark.parametrize("keep", [0, 10, 1000, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, frame: pd.DataFrame, keep: int) -> None:
    path = tmp_path / "a.parquet"
    write_table(frame, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtefactError, match=r"a\.parquet: cannot be read as Parquet"):
        read_table(path)


def test_a_missing_file_and_a_missing_column_are_named(tmp_path: Path, frame: pd.DataFrame) -> None:
    with pytest.raises(ArtefactError, match=r"none\.parquet: missing"):
        read_table(tmp_path / "none.parquet")
    write_table(frame, tmp_path / "a.parquet")
    with pytest.raises(ArtefactError, match="labels"):
        read_table(tmp_path / "a.parquet", ["labels"])
