"""Named end products: tables, figures and the report, replaced in one step and recorded with their maker's id.

An artefact's name says what made it, so it is written once (`artefacts.py`). An end product keeps its name while its
content changes. Beside it lies a record, `results/<experiment>/.made/<product>.json`; the plan compares the id in it
with the id that it wants. So the order matters: the record goes before the first file changes, and comes back after the
last one has.

A stage that makes an end product gets two more inputs: `record` (the record's path) and `product_id`.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from potstill.artefacts import fsync, sha256_file, write_atomically


@contextlib.contextmanager
def publish_directory(output: Path, inputs: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of the folder `output`, and record the product.

    When the block raises, the old folder and its record stay as they are.
    """
    with _scratch(output) as folder:
        yield folder
        _sync(folder)
        forget_product(inputs)
        if output.exists():
            # Moved aside as a whole, and removed with the scratch folder: `output` is never half old, half new.
            os.replace(output, folder.parent / "replaced")
        os.replace(folder, output)
        fsync(output.parent)
    record_product(inputs, (path for path in output.rglob("*") if path.is_file()))


@contextlib.contextmanager
def publish_files(directory: Path, inputs: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a temporary folder whose files then replace their namesakes in `directory`, and record the product.

    For products that share a folder, such as one figure's PNG and PDF among the other figures.
    """
    with _scratch(directory / "product") as folder:
        yield folder
        _sync(folder)
        names = sorted(path.name for path in folder.iterdir())
        forget_product(inputs)
        for name in names:
            os.replace(folder / name, directory / name)
        fsync(directory)
    record_product(inputs, (directory / name for name in names))


def forget_product(inputs: Mapping[str, Any]) -> None:
    """Remove the record: from here on the product counts as not made, whatever interrupts us."""
    Path(inputs["record"]).unlink(missing_ok=True)


def record_product(inputs: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Write the record: the id that the product was made from, and each file's SHA-256.

    File names are relative to the experiment's folder, which holds `.made/`.
    """
    record = Path(inputs["record"])
    experiment = record.parent.parent
    digests = {Path(os.path.relpath(path, experiment)).as_posix(): sha256_file(path) for path in files}
    content = {"id": inputs["product_id"], "files": digests}
    write_atomically(record, json.dumps(content, indent=1, sort_keys=True) + "\n")
    # The mark by which the plan had an outdated product replaced.
    (experiment / ".due" / record.stem).unlink(missing_ok=True)


@contextlib.contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, so on the same file system; gone when the block ends."""
    target.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    folder = room / target.name
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            fsync(path)
