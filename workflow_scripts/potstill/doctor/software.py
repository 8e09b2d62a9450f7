"""Python, libraries and Snakemake: are they the ones that the project is tested with, and are they safe?"""

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import Version

from potstill.doctor.finding import Finding
from potstill.version_gate import unsafe

OLDEST_PYTHON = (3, 11)
INSTALL = "pip install -r envs/requirements.txt (or `make demo`, which sets up .venv)"


def python() -> Iterator[Finding]:
    """Python's version, and the platform."""
    found = f"{platform.python_version()} at {sys.executable}; {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield Finding("Python", "problem", found, "Python 3.11 or later is needed")
    else:
        yield Finding("Python", "ok", found)


def libraries(root: Path) -> Iterator[Finding]:
    """Known holes, and differences from the locked versions."""
    dangers = unsafe()
    for danger in dangers:
        yield Finding("safe versions", "problem", danger, INSTALL)
    if not dangers:
        yield Finding("safe versions", "ok", "no library with a known hole (torch, transformers)")
    locked = re.findall(r"^([\w.-]+)==(\S+)$", (root / "envs" / "requirements.txt").read_text(), flags=re.MULTILINE)
    installed = {name: _installed(name) for name, _ in locked}
    missing = [name for name, found in installed.items() if found is None]
    other = [f"{n} {installed[n]} ({v})" for n, v in locked if installed[n] and not _same(str(installed[n]), v)]
    if missing:
        yield Finding("locked versions", "problem", f"not installed: {', '.join(missing)}", INSTALL)
    if other:
        found = f"{len(other)} of {len(locked)} differ from envs/requirements.txt: {', '.join(other)}"
        yield Finding("locked versions", "note", found, f"numbers may differ in the last digits; {INSTALL}")
    if not missing and not other:
        yield Finding("locked versions", "ok", f"all {len(locked)} as in envs/requirements.txt")


def snakemake() -> Iterator[Finding]:
    """Snakemake and its plugins."""
    found = _installed("snakemake")
    if found is None or Version(found) < Version("9.27"):
        yield Finding("Snakemake", "problem", found or "not installed", f"9.27 or later is needed; {INSTALL}")
        return
    plugin = _installed("snakemake-executor-plugin-slurm")
    yield Finding("Snakemake", "ok", f"{found}; executor plugin for SLURM: {plugin or 'not installed'}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _same(found: str, locked: str) -> bool:
    """Builds of the same release, such as 2.13.0+cpu, count as equal."""
    return found.partition("+")[0] == locked.partition("+")[0]
