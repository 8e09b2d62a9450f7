"""Named end products: tables, figures and the report, replaced in one step and recorded with their maker's id.

An artefact's name says what made it, so it is written once (`artefacts.py`). An end product keeps its name while its
content changes. Beside it lies a record, `results/<experiment>/.made/<product>.json`; the plan compares the id in it
with the id that it wants. So the order matters: the record goes before the first file changes, and comes back after the
last one has.

A stage that makes an end product gets further inputs: `record` (the record's path), `product_id`, and `reads`, the
records of the end products that it reads.
"""

import contextlib
import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from potstill import provenance
from potstill.artefacts import MANIFEST, damage, fsync, make_command, sealed, sha256_file, unsealed, write_atomically
from potstill.errors import ArtefactError
from potstill.faults import reach
from potstill.temporary import temporary_folder


@contextlib.contextmanager
def publish_directory(output: Path, inputs: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of the folder `output`, and record the product.

    When the block raises, the old folder and its record stay as they are.
    """
    with _scratch(output) as folder:
        yield folder
        _sync(folder)
        forget_product(inputs)
        reach("replace", output)
        if output.exists():
            # Moved aside as a whole, and removed with the scratch folder: `output` is never half old, half new.
            os.replace(output, folder.parent / "replaced")
        os.replace(folder, output)
        fsync(output.parent)
    record_product(inputs, (path for path in output.rglob("*") if path.is_file()))


@contextlib.contextmanager
def publish_files(directory: Path, inputs: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a temporary folder whose files then replace their namesakes in and below `directory`, and record the product.

    For products that share a folder, such as one figure's PNG and PDF among the other figures.
    """
    with _scratch(directory / "product") as folder:
        yield folder
        _sync(folder)
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        forget_product(inputs)
        for name in names:
            (directory / name).parent.mkdir(exist_ok=True)
            reach("replace", directory / name)
            os.replace(folder / name, directory / name)
        for place in {(directory / name).parent for name in names}:
            fsync(place)
    record_product(inputs, (directory / name for name in names))


def forget_product(inputs: Mapping[str, Any]) -> None:
    """Remove the record: from here on the product counts as not made, whatever interrupts us."""
    Path(inputs["record"]).unlink(missing_ok=True)


def is_recorded(inputs: Mapping[str, Any]) -> bool:
    """Whether the record of the product that a stage with these inputs makes is there, its files too; no for artefacts."""
    if "record" not in inputs:
        return False
    record = Path(inputs["record"])
    try:
        content = unsealed(record.read_text(encoding="utf-8"))
        files = [record.parent.parent / name for name in content["files"]]
        return bool(content["id"] == inputs["product_id"]) and all(file.exists() for file in files)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def record_product(inputs: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Write the record: the id that the product was made from, and each file's size and SHA-256.

    File names are relative to the experiment's folder, which holds `.made/`.
    """
    record = Path(inputs["record"])
    experiment = record.parent.parent
    written = {
        Path(os.path.relpath(path, experiment)).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in files
    }
    content = {"product": record.stem, "id": inputs["product_id"], "files": written, **provenance.facts()}
    write_atomically(record, sealed(content))
    # The mark by which the plan had an outdated product replaced.
    (experiment / ".due" / record.stem).unlink(missing_ok=True)


def verify_products(inputs: Mapping[str, Any]) -> None:
    """Check the end products that a stage reads against their records, byte for byte.

    Raises:
        ArtefactError: the first file that is not as recorded, and the command that makes it again.
    """
    for record in inputs.get("reads", ()):
        for message in product_damages(Path(record)):
            raise ArtefactError(message)


def product_damages(record: Path, call: str | None = None) -> Iterator[str]:
    """A message for every file of an end product that is not as its record says, or one for the record itself.

    Args:
        call: what follows `snakemake --config` in the cure; None: as in the call that this process is part of.
    """
    experiment = record.parent.parent
    try:
        content = unsealed(record.read_text(encoding="utf-8"))
        if content.get("product", record.stem) != record.stem:
            raise ValueError(f"the record of {content['product']}")
    except FileNotFoundError:
        yield f"{record}: missing, so what it stands for was never finished. Make it: {_target(record, call)}"
    except ValueError as error:
        yield f"{record}: damaged ({error}). {_rebuild(record, _target(record, call))}"
    else:
        files = content["files"]
        for name in files:
            if what := damage(experiment / name, files[name]):
                yield f"{experiment / name}: {what}. {_rebuild(record, make_command(f'{experiment}/{next(iter(files))}', call))}"


def _rebuild(record: Path, command: str) -> str:
    return f"Rebuild it: rm {shlex.quote(str(record))} && {command}"


def _target(record: Path, call: str | None) -> str:
    """What makes a product of which the record cannot tell the files: the plan knows what is not there."""
    return make_command("all", call)


def date_back(inputs: Mapping[str, Any]) -> None:
    """Date what a stage may have read, and is of the future, as of now: artefacts, and end products beside its own.

    A clock that was wrong, or jumped back, leaves such files, and Snakemake refuses an output that is older than an input.
    """
    files = [Path(path, MANIFEST) for value in inputs.values() for path in _strings(value)]
    if "record" in inputs:
        files += Path(inputs["record"]).parent.parent.glob("[!.]*/*")
    now = time.time()
    for file in files:
        with contextlib.suppress(OSError):  # no such file, or somebody else's
            if file.stat().st_mtime > now:
                os.utime(file)


def _strings(value: Any) -> Iterator[str]:
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield item


@contextlib.contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, so on the same file system; gone when the block ends."""
    with temporary_folder(target) as room:
        folder = room / target.name
        folder.mkdir()
        yield folder


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            reach("sync", path)
            fsync(path)
