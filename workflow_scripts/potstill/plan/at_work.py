"""Whether Snakemake is at work in this folder: tells a lock that a killed one left from the lock of one that runs.

Snakemake's own locks name files, not processes: one that is killed leaves them, and every later call refuses to start. So
each call leaves a mark, too, and holds a lock on it that the kernel releases when it dies. When nobody holds a mark, what
Snakemake locked is nobody's. A process on another machine is taken to be alive: not every file system shows its locks.
"""

import atexit
import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from potstill.temporary import lock

MARKS, LOCKS = "at_work", "locks"


def announce(folder: Path) -> str:
    """Leave this process' mark in `.snakemake`, and remove Snakemake's locks if all who could have made them are dead.

    Returns:
        what to tell a person; empty when there is nothing.
    """
    (folder / MARKS).mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        dead, others = _marks(folder)
        said = _judge(folder / LOCKS, dead, others)
        for path in dead:
            path.unlink(missing_ok=True)
        _leave_mark(folder / MARKS / f"{socket.gethostname()}.{os.getpid()}")
    return said


def state(folder: Path) -> Literal["free", "at work", "left", "unknown"]:
    """What Snakemake's locks in `.snakemake` mean.

    free: there are none. at work: somebody lives who may have made them. left: all who could have are dead, and the next
    call removes them. unknown: nobody announced himself.
    """
    if not _is_locked(folder / LOCKS):
        return "free"
    if not (folder / MARKS).is_dir():
        return "unknown"
    with _alone(folder):
        dead, others = _marks(folder)
    return "at work" if others else "left" if dead else "unknown"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time looks at the marks, and leaves its own."""
    guard = os.open(folder / MARKS / "guard", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while lock(guard) is False:
            time.sleep(0.01)
        yield
    finally:
        os.close(guard)


def _marks(folder: Path) -> tuple[list[Path], list[Path]]:
    """Those of dead processes, and the others."""
    found = [path for path in (folder / MARKS).iterdir() if path.name != "guard"]
    dead = [path for path in found if _is_of_the_dead(path)]
    return dead, [path for path in found if path not in dead]


def _is_locked(locks: Path) -> bool:
    return locks.is_dir() and any(locks.iterdir())


def _judge(locks: Path, dead: list[Path], others: list[Path]) -> str:
    if not _is_locked(locks):
        return ""
    if dead and not others:
        shutil.rmtree(locks)
        return f"removed the lock of a Snakemake that was killed ({', '.join(path.name for path in dead)})"
    elsewhere = [path for path in others if not _is_of_this_machine(path)]
    if elsewhere:
        return (
            f"Snakemake may be at work here on another machine: {', '.join(map(str, elsewhere))}. If it is dead: "
            f"rm {' '.join(map(str, elsewhere))} && snakemake --unlock"
        )
    return ""


def _leave_mark(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    lock(descriptor)
    # Never closed: the lock lives as long as the process.
    atexit.register(path.unlink, missing_ok=True)


def _is_of_the_dead(mark: Path) -> bool:
    if not _is_of_this_machine(mark):
        return False
    try:
        descriptor = os.open(mark, os.O_RDWR)
    except FileNotFoundError:
        return True  # it has just ended
    try:
        return lock(descriptor) is True
    finally:
        os.close(descriptor)


def _is_of_this_machine(mark: Path) -> bool:
    return mark.name.rpartition(".")[0] == socket.gethostname()
