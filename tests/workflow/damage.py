"""Four ways in which stored bytes go wrong, done to a file and undone again."""

import contextlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096


def flip_bit(path: Path) -> None:
    """One bit, at a place that depends on the file's name."""
    data = bytearray(path.read_bytes())
    place = zlib.crc32(path.name.encode()) % (8 * len(data))
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """The last tenth, at least a byte, is gone."""
    size = path.stat().st_size
    os.truncate(path, size - max(1, size // 10))


def zero_page(path: Path) -> None:
    """The last page with anything in it reads as zeros: what a lost write leaves."""
    data = bytearray(path.read_bytes())
    start = max(start for start in range(0, len(data), PAGE) if any(data[start : start + PAGE]))
    end = min(start + PAGE, len(data))
    data[start:end] = bytes(end - start)
    path.write_bytes(data)


def swap(path: Path, other: Path) -> None:
    """Two files have each other's content."""
    mine, its = path.read_bytes(), other.read_bytes()
    path.write_bytes(its)
    other.write_bytes(mine)


ALONE = {"a flipped bit": flip_bit, "a truncation": truncate, "a zeroed page": zero_page}


@contextlib.contextmanager
def restored(*paths: Path) -> Iterator[None]:
    """Give the files their content back when the block ends."""
    before = {path: path.read_bytes() for path in paths}
    try:
        yield
    finally:
        for path, content in before.items():
            path.write_bytes(content)
