"""What a person is told when files cannot be written: which file system, why, and what to do."""

import errno
import os
import re
import shutil
from pathlib import Path

from potstill.errors import PotstillError

KEPT = "What was finished is kept, checkpoints included, and nothing half-written is left"
# The Rust behind safetensors and tokenizers has exceptions of its own, with the system's number in the text.
IN_TEXT = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)


class StorageError(PotstillError):
    """The file system takes no more, or nothing at all."""


def storage_error(error: BaseException, folder: Path) -> StorageError | None:
    """An error that the file system of `folder` is the reason for, in words; None for any other error."""
    number = _number(error)
    name = getattr(error, "filename", None)
    place = Path(os.fsdecode(name)) if name else folder
    if number in (errno.ENOSPC, errno.EDQUOT):
        quota = "your quota is used up" if number == errno.EDQUOT else "no space is left"
        return StorageError(
            f"{place}: {quota} on its file system ({_room(place)}). {KEPT}. Make room (`make clean-unused` lists what no "
            "experiment needs), or let results, TMPDIR or HF_HOME (downloads) lie on a larger disk; the same command goes on"
        )
    if number == errno.EROFS:
        return StorageError(
            f"{place}: its file system is read-only ({_mount(place)}). {KEPT}. Make it writable, or name another folder "
            "with --config results=FOLDER"
        )
    if number in (errno.EACCES, errno.EPERM):
        return StorageError(
            f"{place}: permission denied (you are user {os.geteuid()}, {_owner(place)}). {KEPT}. Give yourself access, or "
            "name another folder with --config results=FOLDER"
        )
    return None


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = IN_TEXT.search(str(error))
    return int(found[1] or found[2]) if found else None


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _room(path: Path) -> str:
    try:
        usage = shutil.disk_usage(existing(path))
    except OSError:
        return _mount(path)
    return f"{_mount(path)}, {usage.free / 1e9:.3f} of {usage.total / 1e9:.3f} GB free"


def _mount(path: Path) -> str:
    found = existing(path)
    while not os.path.ismount(found):
        found = found.parent
    return f"mounted at {found}"


def _owner(path: Path) -> str:
    found = existing(path)
    try:
        status = found.stat()
    except OSError:
        return "the folder cannot be looked at"
    return f"{found} belongs to user {status.st_uid}, mode {status.st_mode & 0o7777:o}"
