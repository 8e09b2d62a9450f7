"""The digest of a file or folder, by content. Standard library only: the plan calls it for local sources."""

import hashlib
import json
import os
from pathlib import Path

from potstill.artefacts import sha256_file, write_atomically
from potstill.errors import DataError


def path_digest(path: str | os.PathLike[str], cache: str | os.PathLike[str] | None = None) -> str:
    """SHA-256 that stands for the content of `path`, as 64 hexadecimal digits.

    A file's is that of its bytes. A folder's covers the sorted relative names and digests of all files below it: two
    folders have equal digests exactly when they hold equal files under equal names. Links are followed.

    Args:
        cache: a JSON file that remembers digests by path, size and time of change, so that only new bytes are read.

    Raises:
        DataError: nothing is there, it cannot be read, or it is a folder without files.
    """
    path = Path(path)
    memory = _Memory(Path(cache) if cache is not None else None)
    try:
        if path.is_file():
            return memory.sha256(path)
        if not path.is_dir():
            raise DataError(f"{path}: no such file or folder")
        files = {file.relative_to(path).as_posix(): memory.sha256(file) for file in path.rglob("*") if file.is_file()}
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be read: {error.strerror}") from None
    finally:
        memory.save()
    if not files:
        raise DataError(f"{path}: the folder holds no files")
    lines = (f"{name}\0{files[name]}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


class _Memory:
    """Digests of files seen before. A cache that is missing, damaged or cannot be written costs time, nothing else."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, list[object]] = {}
        self.changed = False
        if path is not None:
            try:
                loaded = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                loaded = None
            self.known = loaded if isinstance(loaded, dict) else {}

    def sha256(self, file: Path) -> str:
        status = file.stat()
        key, state = os.path.abspath(file), [status.st_size, status.st_mtime_ns]
        match self.known.get(key):
            case [size, changed, str(digest)] if [size, changed] == state:
                return digest
        digest = sha256_file(file)
        self.known[key] = [*state, digest]
        self.changed = True
        return digest

    def save(self) -> None:
        if self.path is not None and self.changed:
            try:
                write_atomically(self.path, json.dumps(self.known, indent=1, sort_keys=True) + "\n")
            except OSError:
                return
