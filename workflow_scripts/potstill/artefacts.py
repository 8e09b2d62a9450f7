"""Artefact directories: written in one piece, described by a manifest, verified before use.

The ground floor of everything that reads or writes results: standard library only, imports nothing of Potstill but its
errors and `provenance`. An artefact is a directory with a `manifest.json` that lists every file with size and SHA-256. The
manifest is the last file written and the directory appears by one rename, so an artefact exists completely or not at all.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shlex
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from potstill import provenance
from potstill.errors import ArtefactError
from potstill.faults import reach
from potstill.temporary import temporary_file, temporary_folder, umask

MANIFEST = "manifest.json"
_STARTED = time.monotonic()  # imported first by every job
CHECKSUM = "checksum"
CALL = "POTSTILL_CALL"  # what follows `snakemake --config` in this call: set by the Snakefile, for messages


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
    with temporary_folder(final) as temporary:
        yield temporary
        reach("files", temporary)
        write_manifest(temporary, final.name, spec=spec, **facts)
        _publish(temporary, final)


def write_manifest(directory: Path, name: str, *, spec: Any, **facts: Any) -> None:
    """Fsync every file below `directory`, then write its manifest by temporary file, fsync and rename."""
    files = {}
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and p != directory / MANIFEST):
        _make_readable(path)
        reach("sync", path)
        fsync(path)
        files[path.relative_to(directory).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    manifest = {
        "artefact": name,
        "digests": _digests(name),
        "files": files,
        "spec": spec,
        "seconds": round(time.monotonic() - _STARTED, 1),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **provenance.facts(),
        **facts,
    }
    write_atomically(directory / MANIFEST, sealed(manifest))


def _digests(name: str) -> dict[str, str] | None:
    """Digests of spec and code, as they stand in the name of an artefact of the plan."""
    parts = re.search(r"-([0-9a-f]+)\.([0-9a-f]+)$", name)
    return {"spec": parts[1], "code": parts[2]} if parts else None


def sealed(content: Mapping[str, Any]) -> str:
    """A record as text; its `checksum` is the SHA-256 of all that it says, so that a flipped bit in it is found, too."""
    content = json.loads(json.dumps(content))  # as it will be read: keys are text
    checksum = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    return json.dumps({**content, CHECKSUM: checksum}, indent=1, sort_keys=True) + "\n"


def unsealed(text: str) -> dict[str, Any]:
    """What a sealed record says; one of the time before records were sealed is taken as it is.

    Raises:
        ValueError: not JSON, or not the text that `sealed` wrote.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise ValueError("no list of files")
    if CHECKSUM not in content and "commit" not in content:
        return content
    said = {key: value for key, value in content.items() if key != CHECKSUM}
    if text != sealed(said):
        raise ValueError("its text is not what was written")
    return said


def write_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write a small text file so that a reader sees the old content or the new one, never a part of it."""
    path = Path(path)
    kind = "manifest" if path.name == MANIFEST else "text"
    with temporary_file(path) as (temporary, descriptor):
        reach(f"{kind}-begin", temporary)
        data = text.encode()
        with open(descriptor, "wb", buffering=0, closefd=False) as stream:
            stream.write(data[: len(data) // 2])
            reach(f"{kind}-half", temporary)
            stream.write(data[len(data) // 2 :])
        os.fsync(descriptor)
        reach(f"{kind}-rename", temporary)
        os.replace(temporary, path)
        reach(f"{kind}-end", path)
        fsync(path.parent)


def read_manifest(directory: str | os.PathLike[str], cure: str | None = None) -> Mapping[str, Any]:
    """The manifest of a finished artefact.

    Args:
        cure: end of the message when it cannot be used; None: the commands that make the artefact again.

    Raises:
        ArtefactError: no manifest, one that is damaged, or another artefact's.
    """
    path, cure = Path(directory) / MANIFEST, cure or rebuild_hint(directory)
    try:
        manifest = unsealed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError(f"{directory}: no {MANIFEST}, so it was never finished. {cure}") from None
    except ValueError as error:
        raise ArtefactError(f"{path}: damaged ({error}). {cure}") from None
    # A manifest older than seals may lie in a folder that was renamed.
    if "commit" in manifest and manifest["artefact"] != Path(os.path.abspath(directory)).name:
        raise ArtefactError(f"{path}: this is the manifest of {manifest['artefact']}. {cure}")
    return manifest


def verify(directory: str | os.PathLike[str], names: Iterable[str] | None = None) -> Mapping[str, Any]:
    """Check files of an artefact against its manifest, byte for byte, and return the manifest.

    Args:
        directory: the artefact.
        names: the files that are going to be read; None checks all of them, weights included.

    Raises:
        ArtefactError: a file is missing, has another size or other bytes, or was not there when the artefact was made;
            names the file and the command that mends it.
    """
    manifest = read_manifest(directory)
    for message in damages(Path(directory), manifest["files"], names, rebuild_hint(directory)):
        raise ArtefactError(message)
    return manifest


def damages(directory: Path, files: Mapping[str, Any], names: Iterable[str] | None, cure: str) -> Iterator[str]:
    """A message for every file of an artefact that is not as `files` (its manifest's) says.

    With `names` None all of them are read, and further files count as wrong: what was put into a model's folder later, such
    as an adapter, would be loaded with it. Hidden files are no matter.
    """
    for name in files if names is None else names:
        if name not in files:
            yield f"{directory / name}: not listed in {MANIFEST}. {cure}"
        elif what := damage(directory / name, files[name]):
            yield f"{directory / name}: {what}. {cure}"
    if names is None:
        for path in sorted(p for p in directory.rglob("*") if p.is_file()):
            name = path.relative_to(directory).as_posix()
            if name not in (*files, MANIFEST) and not any(part.startswith(".") for part in name.split("/")):
                remedy = f"Remove it: rm {shlex.quote(str(path))}"
                yield f"{path}: not listed in {MANIFEST}, so it was put there later. {remedy}"


def damage(path: Path, expected: Mapping[str, Any] | str) -> str | None:
    """What is wrong with a file; None when its bytes are the expected ones (a manifest's entry, or a SHA-256 alone)."""
    if isinstance(expected, str):
        expected = {"sha256": expected}
    if not path.is_file():
        return "missing"
    size = path.stat().st_size
    if size != expected.get("bytes", size):
        return f"{size} bytes, but {expected['bytes']} were written"
    if sha256_file(path) != expected["sha256"]:
        return "its bytes changed since it was written (SHA-256)"
    return None


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """A JSON file of an artefact, checked against its manifest."""
    verify(directory, [name])
    try:
        return json.loads((directory / name).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtefactError(f"{directory / name}: not JSON ({error})") from None


def rebuild_hint(directory: str | os.PathLike[str]) -> str:
    """How to make a damaged artefact again, as the end of a message."""
    return f"Rebuild it: {rebuild_command(Path(directory))}"


def rebuild_command(directory: Path, call: str | None = None) -> str:
    """The commands that make a damaged artefact again.

    Args:
        call: what follows `--config`; None: as in the call that this process is part of.
    """
    if directory.parent.name.endswith(".checkpoints"):  # the training goes on from the one before
        run = directory.parent.name.removeprefix(".").removesuffix(".checkpoints")
        return f"rm -r {shlex.quote(str(directory))} && {make_command(f'{directory.parent.parent / run}/{MANIFEST}', call)}"
    return f"rm -r {shlex.quote(str(directory))} && {make_command(f'{directory}/{MANIFEST}', call)}"


def make_command(target: str, call: str | None = None) -> str:
    """The call of Snakemake that makes a file."""
    call = os.environ.get(CALL, "") if call is None else call
    # What other code made cannot be made again under its name, but what stands in for it can.
    target = "all" if "code=keep" in call.split() else shlex.quote(target)
    return f"snakemake --cores all {target}" + (f" --config {call}" if call else "")


def _publish(temporary: Path, final: Path) -> None:
    """Rename `temporary` to `final`. Several processes may do so at once: the first is kept, for all have the same content."""
    reach("publish", temporary)
    while not is_finished(final):
        try:
            os.replace(temporary, final)  # in place of nothing, or of the empty folder that Snakemake makes beforehand
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            _remove_leftover(final, temporary.with_suffix(".old.tmp"))
    reach("published", final)
    fsync(final.parent)


def _remove_leftover(folder: Path, aside: Path) -> None:
    """Remove a folder that was never finished; by one rename first, so that nobody takes what is half gone for an artefact."""
    if not is_finished(folder):
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder, aside)
            shutil.rmtree(aside)


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
    wanted = mode | (0o444 & ~umask())
    if mode != wanted:
        with contextlib.suppress(PermissionError):  # a hard link to somebody else's file
            path.chmod(wanted)
