"""JSON on a command line: as it is, or as `@FILE` where it is too long. The plan writes it, a stage reads it."""

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from potstill.artefacts import write_atomically
from potstill.errors import ArtefactError

FOLDER = ".long_arguments"  # below the results
LONGEST = 40_000  # bytes; Linux takes 128 KiB for a whole shell command, and a job has two


def argument(text: str, results: str) -> str:
    """An argument, quoted for the shell; a long one goes into a file that is named by what it holds."""
    quoted = shlex.quote(text)
    if len(quoted.encode()) < LONGEST:
        return quoted
    path = Path(results, FOLDER, f"{_name(text)}.json")
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
        write_atomically(path, text)
    return shlex.quote(f"@{path}")


def parsed(argument: str) -> dict[str, Any]:
    """What an argument says.

    Raises:
        ArtefactError: its file is not what the plan wrote.
    """
    value: dict[str, Any] = json.loads(_read(Path(argument[1:])) if argument.startswith("@") else argument)
    return value


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.parent.name == FOLDER and path.stem != _name(text):
        raise ArtefactError(f"{path}: damaged. Start snakemake again: it is written anew")
    return text


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
