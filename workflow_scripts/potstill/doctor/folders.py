"""The disk below the results: room, rights, and the few calls that safe writing rests on."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from potstill.artefacts import fsync
from potstill.doctor.finding import Finding
from potstill.plan import at_work
from potstill.storage import existing

LEAST_FREE = 1e9
NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "9p")


def room(results: Path, needed: float) -> Iterator[Finding]:
    """Free space where results and temporary files go; `needed` bytes is what the experiment will add (0: not known)."""
    temporary = Path(tempfile.gettempdir())
    for subject, folder, wanted in (("disk: results", results, needed), ("disk: temporary", temporary, 0.0)):
        free = shutil.disk_usage(existing(folder)).free
        text = f"{free / 1e9:.1f} GB free at {folder}" + (f"; needed: about {wanted / 1e9:.2f} GB" if wanted else "")
        if free < max(wanted, LEAST_FREE):
            name = "results=FOLDER (snakemake --config)" if subject == "disk: results" else "TMPDIR"
            cure = f"free some space (`make clean-unused` lists what nothing needs), or let {name} lie on a larger disk"
            yield Finding(subject, "problem" if free < wanted or subject == "disk: results" else "note", text, cure)
        else:
            yield Finding(subject, "ok", text)


def writing(results: Path) -> Iterator[Finding]:
    """Write, fsync, rename and lock there, as jobs do."""
    folder = existing(results)
    kind = _file_system(folder)
    subject, cure = "results folder", "make it writable, or choose another: snakemake --config results=FOLDER"
    if not folder.is_dir():
        yield Finding(subject, "problem", f"{folder} is a file, so {results} cannot be a folder", cure)
        return
    try:
        with tempfile.TemporaryDirectory(prefix=".potstill-doctor-", dir=folder) as scratch:
            file = Path(scratch, "a")
            file.write_text("x")
            fsync(file)
            os.replace(file, Path(scratch, "b"))
            fsync(Path(scratch))
            (Path(scratch) / "folder").mkdir()
            os.replace(Path(scratch) / "folder", Path(scratch) / "renamed")
            locks = _locks(Path(scratch, "b"))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some space" if full else cure
        yield Finding(subject, "problem", f"{folder} ({kind}): {error.strerror}", remedy)
        return
    text = f"{folder} ({kind}): write, fsync and rename work"
    if not locks:
        yield Finding(
            subject, "note", f"{text}, flock does not", "two calls of Snakemake at once may not see each other"
        )
    elif kind.startswith(NETWORK):
        yield Finding(subject, "note", f"{text}, flock too", "on a network file system see docs/cluster.md")
    else:
        yield Finding(subject, "ok", f"{text}, flock too")


def snakemake_lock(root: Path) -> Iterator[Finding]:
    """Whether Snakemake's lock is held, or was left by one that was killed."""
    subject, locks = "Snakemake's lock", root / ".snakemake" / "locks"
    match at_work.state(root / ".snakemake"):
        case "free":
            yield Finding(subject, "ok", "none")
        case "at work":
            yield Finding(subject, "note", "Snakemake is at work here", "wait for its end")
        case "left":
            yield Finding(subject, "ok", "left by a Snakemake that was killed; the next call removes it")
        case "unknown":
            cure = "if no Snakemake runs here: snakemake --unlock"
            yield Finding(subject, "problem", f"{locks} is locked, and nobody says who did it", cure)


def _locks(file: Path) -> bool:
    try:
        with file.open("rb") as first, file.open("rb") as second:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    except OSError:
        return False


def _file_system(folder: Path) -> str:
    """Its kind, such as ext4 or nfs4."""
    import psutil

    mounts = [(p.mountpoint, p.fstype) for p in psutil.disk_partitions(all=True) if folder.is_relative_to(p.mountpoint)]
    return max(mounts, key=lambda mount: len(mount[0]), default=("", "unknown"))[1] or "unknown"
