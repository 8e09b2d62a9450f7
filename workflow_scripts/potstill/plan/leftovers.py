"""What killed jobs left beside things that are finished by now: nobody makes those again, so nobody else tidies up."""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from potstill.artefacts import is_finished
from potstill.temporary import is_of_this_machine, remove_if_dead


def remove_leftovers(results: Path, kinds: Iterable[str], experiment: Path) -> None:
    """Remove temporary files, locks, and the checkpoints and progress files of finished artefacts.

    Args:
        results: the folder of all results.
        kinds: its folders of artefacts.
        experiment: folder of the named end products.
    """
    for folder in (
        results,
        *(results / kind for kind in kinds),
        experiment,
        *experiment.glob("*/"),
        experiment / ".made",
    ):
        for path in folder.glob(".*"):
            with contextlib.suppress(OSError):  # somebody else's, or gone by now
                _remove(path)
    for path in (results / ".progress").glob("*.json"):
        kind, _, name = path.stem.partition(".")
        if is_finished(results / kind / name):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (results / ".progress").rmdir()


def _remove(path: Path) -> None:
    owner = path.name.removeprefix(".").removesuffix(".checkpoints")
    if path.name == f".{owner}.checkpoints":
        if is_finished(path.with_name(owner)):
            shutil.rmtree(path)
    elif path.name.endswith(".lock") or is_of_this_machine(path.name):
        remove_if_dead(path)
