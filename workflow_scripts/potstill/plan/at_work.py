"""Whether Snakemake is at work in this folder: tells a lock that a killed one left from the lock of one that runs.

Snakemake's own locks name files, not processes: one that is killed leaves them, and every later call refuses to start. So
each call leaves a mark, too, and holds a lock on it that the kernel releases when it dies. When nobody holds a mark, what
Snakemake locked is nobody's. A process on another machine is taken to be alive: not every file system shows its locks.
"""

import atexit
import os
import shutil
import socket
import time
from pathlib import Path

from potstill.temporary import lock

MARKS, LOCKS = "at_work", "locks"


def announce(folder: Path) -> str:
    """Leave this process' mark in `.snakemake`, and remove Snakemake's locks if all who could have made them are dead.

    Returns:
        what to tell a person; empty when there is nothing.
    """
    marks = folder / MARKS
    marks.mkdir(parents=True, exist_ok=True)
    guard = os.open(marks / "guard", os.O_RDWR | os.O_CREAT, 0o666)  # one at a time looks and leaves its mark
    try:
        while lock(guard) is False:
            time.sleep(0.01)
        found = [path for path in marks.iterdir() if path.name != "guard"]
        dead = [path for path in found if _is_of_the_dead(path)]
        said = _judge(folder / LOCKS, dead, [path for path in found if path not in dead])
        for path in dead:
            path.unlink(missing_ok=True)
        _leave_mark(marks / f"{socket.gethostname()}.{os.getpid()}")
    finally:
        os.close(guard)
    return said


def _judge(locks: Path, dead: list[Path], others: list[Path]) -> str:
    if not locks.is_dir() or not any(locks.iterdir()):
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
