"""All stored bytes against the records beside them: what `make verify` and the target `verify` do."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from potstill.artefacts import damages, read_manifest, rebuild_command, unsealed
from potstill.errors import ArtefactError
from potstill.products import product_damages


@dataclass(frozen=True)
class Artefact:
    """A finished artefact, a checkpoint included. `cure`: the command that makes it again."""

    folder: Path
    cure: str


@dataclass(frozen=True)
class EndProduct:
    """A named end product. `call`: what follows `snakemake --config` to make it again."""

    record: Path
    call: str


@dataclass
class Outcome:
    """What was checked, and a message for each file that is not as it was written."""

    artefacts: int = 0
    products: int = 0
    files: int = 0
    bytes: int = 0
    messages: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """`41 artefacts, 16 end products: 230 files, 7.9 MB`."""
        size = f"{self.bytes / 1e9:.2f} GB" if self.bytes >= 1e9 else f"{self.bytes / 1e6:.1f} MB"
        counts = ((self.artefacts, "artefact"), (self.products, "end product"), (self.files, "file"))
        artefacts, products, files = (f"{count} {what}{'s' * (count != 1)}" for count, what in counts)
        return f"{artefacts}, {products}: {files}, {size}"


def verify_everything(
    items: Iterable[Artefact | EndProduct], threads: int, say: Callable[[str], None] = print
) -> Outcome:
    """Read every byte of `items`, several at a time, and `say` the message of each damaged file as it is found."""
    outcome = Outcome()
    # Threads suffice: hashing and reading let go of Python's lock.
    with ThreadPoolExecutor(threads) as pool:
        for item, messages, sizes in pool.map(_check, items):
            outcome.artefacts += isinstance(item, Artefact)
            outcome.products += isinstance(item, EndProduct)
            outcome.files += len(sizes)
            outcome.bytes += sum(sizes)
            outcome.messages += messages
            for message in messages:
                say(message)
    return outcome


def _check(item: Artefact | EndProduct) -> tuple[Artefact | EndProduct, list[str], list[int]]:
    if isinstance(item, EndProduct):
        return item, list(product_damages(item.record, item.call)), _sizes(_recorded(item.record))
    cure = f"Rebuild it: {item.cure}"
    try:
        files = read_manifest(item.folder, cure)["files"]
    except ArtefactError as error:
        return item, [str(error)], []
    return item, list(damages(item.folder, files, None, cure)), _sizes(item.folder / name for name in files)


def _recorded(record: Path) -> Iterator[Path]:
    try:
        files = unsealed(record.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError):
        return
    yield from (record.parent.parent / name for name in files)


def _sizes(paths: Iterable[Path]) -> list[int]:
    return [os.path.getsize(path) for path in paths if path.is_file()]


def cure_of_unused(folder: Path) -> str:
    """For an artefact that no experiment refers to today: nothing needs it, and nothing makes it again."""
    return rebuild_command(folder).partition(" && ")[0] + " # no experiment of config/ asks for it"
