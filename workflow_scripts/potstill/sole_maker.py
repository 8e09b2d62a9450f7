"""One process at a time makes an artefact or an end product, whichever calls of Snakemake want it.

Two calls may: two checkouts with one folder of results, or a call whose predecessor was killed while its jobs live on.
The second waits and then finds the work done. A lock dies with its process; a file system without locks has none, and
there both work, and whoever is first puts the artefact in place (`artefacts.py`).
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from potstill.temporary import is_at, lock

OURS = (
    "POTSTILL_MAKES"  # what this process or one that started it makes: processes of one job do not wait for each other
)
SECONDS = 0.5


@contextlib.contextmanager
def sole_maker(output: Path, say: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, no other process on this file system makes `output`; waits until that is so."""
    if os.environ.get(OURS) == str(output):
        yield
        return
    path = output.with_name(f".{output.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _take(path, lambda: say(f"another process makes {output}; waiting for it"))
    os.environ[OURS] = str(output)
    try:
        yield
    finally:
        os.environ.pop(OURS, None)
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _take(path: Path, on_wait: Callable[[], None]) -> int:
    waits = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        # Whoever had it before has removed the file, and others may wait at a new one of that name.
        if lock(descriptor) is not False and is_at(descriptor, path):
            return descriptor
        os.close(descriptor)
        if not waits:
            on_wait()
            waits = True
        time.sleep(SECONDS)
