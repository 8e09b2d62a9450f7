"""Changes to a copy of the configuration, written as dotted key paths."""

import os
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
REMOVED = object()


def data_folder() -> Path:
    """Real data for experiments that name local files."""
    return Path(os.environ.get("POTSTILL_DATA", REPOSITORY.parent / "shared" / "data"))


def change_file(path: Path, change: dict[str, Any] | str | bytes) -> None:
    """Set keys (`{"teacher.fit.seed": 3}`; REMOVED takes one away), append text, or replace the content by bytes."""
    if isinstance(change, bytes):
        path.write_bytes(change)
    elif isinstance(change, str):
        path.write_text(path.read_text(encoding="utf-8") + change, encoding="utf-8")
    else:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in change.items():
            _set(content, key if key in content else tuple(key.split(".")) if "/" not in key else key, value)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _set(content: Any, key: str | tuple[str, ...], value: Any) -> None:
    *parents, last = (key,) if isinstance(key, str) else key
    for parent in parents:
        content = content[int(parent)] if isinstance(content, list) else content.setdefault(parent, {})
    if value is REMOVED:
        del content[last]
    else:
        content[last] = value
