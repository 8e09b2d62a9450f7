"""Artefact directories: written in one piece, described by a manifest, verified before use.

The ground floor of everything that reads or writes results: standard library only, imports nothing of Potstill but its
errors. An artefact is a directory with a `manifest.json` that lists every file with size and SHA-256. The manifest is the
last file written and the directory appears by one rename, so an artefact exists completely or not at all.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from potstill.errors import ArtefactError

MANIFEST = "manifest.json"
_STARTED = time.monotonic()  # imported first by every job


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal strings. Refuses NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_finished(directory: str | os.PathLike[str]) -> bool:
    """Whether the artefact was completed: its manifest, written last, is there."""
    return os.path.exists(os.path.join(directory, MANIFEST))


@contextlib.contextmanager
def writing(directory: str | os.PathLike[str], *, spec: Any, **facts: Any) -> Iterator[Path]:
    """Yield a temporary folder that becomes the artefact `directory` when the block ends without an exception.

    Args:
        directory: where the finished artefact goes; a leftover without manifest is replaced.
        spec: what the artefact was asked to be; stored in the manifest.
        facts: further JSON-able manifest entries (origin, licence, tokenizer, versions ...).
    """
    final = Path(directory)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".tmp", dir=final.parent))
    try:
        # mkdtemp makes private folders; results are shared like any other file.
        temporary.chmod(0o777 & ~_umask())
        yield temporary
        write_manifest(temporary, final.name, spec=spec, **facts)
        _publish(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_manifest(directory: Path, name: str, *, spec: Any, **facts: Any) -> None:
    """Fsync every file below `directory`, then write its manifest by temporary file, fsync and rename."""
    files = {}
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and p != directory / MANIFEST):
        _make_readable(path)
        fsync(path)
        files[path.relative_to(directory).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    manifest = {
        "artefact": name,
        "files": files,
        "spec": spec,
        "seconds": round(time.monotonic() - _STARTED, 1),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        **facts,
    }
    write_atomically(directory / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def write_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write a small text file so that a reader sees the old content or the new one, never a part of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        os.fchmod(descriptor, 0o666 & ~_umask())
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read_manifest(directory: str | os.PathLike[str]) -> Mapping[str, Any]:
    """The manifest of a finished artefact.

    Raises:
        ArtefactError: no manifest, or one that is not JSON.
    """
    path = Path(directory) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["files"]
    except FileNotFoundError:
        raise ArtefactError(
            f"{directory}: no {MANIFEST}, so it was never finished. {rebuild_hint(directory)}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{path}: damaged ({error}). {rebuild_hint(directory)}") from None
    return manifest


def verify(directory: str | os.PathLike[str], names: Iterable[str] | None = None) -> Mapping[str, Any]:
    """Check files of an artefact against its manifest, byte for byte, and return the manifest.

    Args:
        directory: the artefact.
        names: the files that are going to be read; None checks all of them, weights included.

    Raises:
        ArtefactError: a file is missing, has another size or other bytes; names the file and the command that rebuilds it.
    """
    manifest = read_manifest(directory)
    for name in manifest["files"] if names is None else names:
        path = Path(directory) / name
        if name not in manifest["files"]:
            raise ArtefactError(f"{path}: not listed in {MANIFEST}. {rebuild_hint(directory)}")
        expected = manifest["files"][name]
        if not path.is_file():
            raise ArtefactError(f"{path}: missing. {rebuild_hint(directory)}")
        if path.stat().st_size != expected["bytes"]:
            found = f"{path.stat().st_size} bytes, the manifest says {expected['bytes']}"
            raise ArtefactError(f"{path}: {found}. {rebuild_hint(directory)}")
        if sha256_file(path) != expected["sha256"]:
            raise ArtefactError(f"{path}: its bytes changed since it was written (SHA-256). {rebuild_hint(directory)}")
    return manifest


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """A JSON file of an artefact, checked against its manifest."""
    verify(directory, [name])
    try:
        return json.loads((directory / name).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtefactError(f"{directory / name}: not JSON ({error})") from None


def rebuild_hint(directory: str | os.PathLike[str]) -> str:
    """The commands that make a damaged artefact again."""
    return f"Rebuild it: rm -r {directory} && snakemake --cores all {directory}/{MANIFEST}"


def _publish(temporary: Path, final: Path) -> None:
    """Rename `temporary` to `final`, replacing an unfinished leftover (Snakemake makes the empty folder beforehand)."""
    if is_finished(final):
        return  # somebody else finished the same artefact first: same name, same content
    if final.exists():
        shutil.rmtree(final)
    os.replace(temporary, final)
    fsync(final.parent)


def fsync(path: Path) -> None:
    """Make a file's content, or a folder's list of names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_readable(path: Path) -> None:
    """Give a file the read permissions of the umask: safetensors writes private files, but results are shared."""
    mode = stat.S_IMODE(path.stat().st_mode)
    wanted = mode | (0o444 & ~_umask())
    if mode != wanted:
        with contextlib.suppress(PermissionError):  # a hard link to somebody else's file
            path.chmod(wanted)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
