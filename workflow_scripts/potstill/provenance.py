"""Where a result comes from: versions, commit and command, for the records beside results. Standard library only.

Nothing here tells who made it or on which machine: results are handed on.
"""

import functools
import itertools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

VERSION = "0.1.0"  # of Potstill; not in `__init__.py`, which counts in the digest of all code
ROOT = Path(__file__).resolve().parents[2]

# Distribution -> module. A stage's record has those of them that it imported: they are the ones that count for it.
LIBRARIES = {
    **{
        name: name
        for name in (
            "torch", "transformers", "tokenizers", "peft", "safetensors", "accelerate", "bitsandbytes", "gguf",
            "huggingface_hub", "numpy", "pandas", "pyarrow", "scipy", "statsmodels", "matplotlib", "snakemake",
        )
    },
    "scikit-learn": "sklearn",
}  # fmt: skip

# An absolute path, up to its last part; not the slashes of an address or of a repository's name.
_FOLDERS = re.compile(r"(?<![\w.:/~-])/(?:[^/\s\"',:]+/)+")


def facts() -> dict[str, Any]:
    """Manifest entries: `versions`, `command`, `commit` (None outside a checkout) and whether its code was `modified`."""
    commit, modified = _checkout()
    return {"versions": versions(), "command": command(sys.argv), "commit": commit, "modified": modified}


def versions() -> dict[str, str]:
    """Potstill's, Python's, and those of the libraries at work in this process."""
    return {"potstill": VERSION, "python": platform.python_version(), **library_versions()}


def library_versions() -> dict[str, str]:
    """Distribution -> version of the libraries that this process has imported."""
    found = {}
    for name, module in LIBRARIES.items():
        if module in sys.modules:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
    return found


def command(arguments: Sequence[str]) -> list[str]:
    """A command line without what is this machine's alone: absolute paths keep their last part (`.../data.csv`).

    The value of `--spec` is left out: it stands in the manifest as `spec`.
    """
    told = [Path(arguments[0]).name]
    for before, argument in itertools.pairwise(arguments):
        inside = argument.replace(f"{os.getcwd()}/", "")
        told.append("(spec)" if before == "--spec" else _FOLDERS.sub(".../", inside))
    return told


@functools.cache
def _checkout() -> tuple[str | None, bool | None]:
    """The commit that the code was checked out from, and whether a file of the code is not as it was then."""
    if not (ROOT / ".git").exists():
        return None, None  # also where this folder is part of somebody else's repository
    # No locks: many jobs ask at once, and asking must not write into the repository.
    git = [
        "git",
        "--no-optional-locks",
        "-C",
        str(ROOT),
        "status",
        "--porcelain=v2",
        "--branch",
        "--",
        "workflow_scripts",
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(git, capture_output=True, text=True, timeout=10, check=True, env=environment)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None, None
    lines = done.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), None)
    if commit is None or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None, None
    return commit, any(not line.startswith("#") for line in lines)
