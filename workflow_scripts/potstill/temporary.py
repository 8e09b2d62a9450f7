"""Temporary files and folders beside what they become: on the same file system, so that one rename puts them in place.

A process that is killed leaves its own behind. Whoever makes the same thing next removes them; that their maker is dead
is known from a lock that dies with it, and is asked only of makers on this machine: locks of others may not be seen here.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, readable as the umask says; gone when the block ends, unless it was renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_those_of_the_dead(target)
    folder, lock = _make(target, folder=True)
    try:
        folder.chmod(0o777 & ~umask())  # made private
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextlib.contextmanager
def temporary_file(target: Path) -> Iterator[tuple[Path, int]]:
    """A new empty file beside `target` and its descriptor; gone when the block ends, unless it was renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_those_of_the_dead(target)
    path, descriptor = _make(target, folder=False)
    try:
        os.fchmod(descriptor, 0o666 & ~umask())
        yield path, descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_of_this_machine(name: str) -> bool:
    """Whether a temporary name was given on this machine."""
    return name.endswith(".tmp") and f".{socket.gethostname()}." in name


def umask() -> int:
    """The bits that new files do not get."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def lock(descriptor: int) -> bool | None:
    """Take the lock of an open file or folder, which the kernel releases when we die.

    Returns:
        False when somebody else has it, None on a file system without locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is (still) the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def remove_if_dead(path: Path) -> None:
    """Remove a file or folder unless a living process of this machine holds its lock."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if lock(descriptor):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(descriptor)


def _make(target: Path, *, folder: bool) -> tuple[Path, int]:
    names = {"prefix": _prefix(target), "suffix": ".tmp", "dir": target.parent}
    # Before its lock is taken it looks like a dead process' one, to somebody who tidies up at this moment.
    while True:
        if folder:
            path = Path(tempfile.mkdtemp(**names))  # type: ignore[call-overload]
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
        else:
            descriptor, name = tempfile.mkstemp(**names)  # type: ignore[call-overload]
            path = Path(name)
        if lock(descriptor) is not False and is_at(descriptor, path):
            return path, descriptor
        os.close(descriptor)


def _remove_those_of_the_dead(target: Path) -> None:
    for name in glob.glob(f"{glob.escape(_prefix(target))}*.tmp", root_dir=target.parent, include_hidden=True):
        with contextlib.suppress(OSError):
            remove_if_dead(target.parent / name)


def _prefix(target: Path) -> str:
    return f".{target.name}.{socket.gethostname()}."
