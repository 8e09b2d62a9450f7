"""Faults on purpose, for the tests of interruption. Without the environment variable POTSTILL_FAULT nothing happens.

    POTSTILL_FAULT=kill:manifest-half:2   kill -9 ourselves the second time that half a manifest is written
    POTSTILL_FAULT=tear:sync:1            the same, and the file at hand is cut in half: what a kill in mid-write leaves
    POTSTILL_FAULT=ENOSPC:*:7             the seventh step of any writing fails for want of space; so do all after it

The names of the steps are in POINTS, in the order in which an artefact or an end product passes them; `*` means any.
"""

import errno
import fnmatch
import os
import signal
from pathlib import Path

POINTS = (
    "files",  # all files are written, none is synced
    "sync",  # one file is about to be synced
    "manifest-begin",
    "manifest-half",
    "manifest-rename",  # written and synced under its temporary name
    "manifest-end",
    "publish",  # the complete folder has its temporary name
    "published",  # it has its final name, and the folder above is not synced
    "replace",  # an end product's old record is gone, its old files are not
    "text-begin",  # a record or another small file
    "text-half",
    "text-rename",
    "text-end",
)

_passed = 0


def reach(point: str, path: Path) -> None:
    """Say that a step of writing `path` is reached; where a test asks for it, die here or be out of space."""
    if fault := os.environ.get("POTSTILL_FAULT"):
        _strike(fault, point, path)


def _strike(fault: str, point: str, path: Path) -> None:
    global _passed
    action, pattern, count = fault.split(":")
    if not fnmatch.fnmatch(point, pattern):
        return
    _passed += 1
    if action in errno.errorcode.values():
        if _passed >= int(count):
            number = getattr(errno, action)
            raise OSError(number, os.strerror(number), str(path))
    elif _passed == int(count):
        if action == "tear" and path.is_file():
            os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
