"""What killed jobs left beside finished things goes; what is unfinished, or somebody is at work on, stays."""

import os
import socket
from pathlib import Path

from potstill.plan.leftovers import remove_leftovers
from potstill.temporary import lock


def here(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith(("/", ".checkpoints", ".tmp")) else path.touch()


def test_only_what_is_dead_and_of_finished_things_goes(tmp_path: Path) -> None:
    host = socket.gethostname()
    gone = (
        "runs/.done.checkpoints",
        "runs/.done.lock",
        f"runs/.done.{host}.abc.tmp",
        "demo/figures/.fig.png.lock",
        f"demo/.collected.{host}.abc.tmp",
        f".rates.json.{host}.abc.tmp",
        ".progress/runs.done.json",
    )
    stays = (
        "runs/done/manifest.json",
        "runs/.half.checkpoints",
        "runs/.done.elsewhere.abc.tmp",
        "demo/.made/collected.json",
        ".progress/runs.half.json",
    )
    here(tmp_path, *gone, *stays, "runs/.busy.lock")
    descriptor = os.open(tmp_path / "runs/.busy.lock", os.O_RDWR)
    assert lock(descriptor)
    remove_leftovers(tmp_path, ("runs", "targets"), tmp_path / "demo")
    assert not [name for name in gone if (tmp_path / name).exists()]
    assert [name for name in stays if not (tmp_path / name).exists()] == []
    assert (tmp_path / "runs/.busy.lock").exists()
    os.close(descriptor)
    here(tmp_path, "runs/half/manifest.json")
    remove_leftovers(tmp_path, ("runs",), tmp_path / "demo")
    assert not (tmp_path / ".progress").exists()
    assert not (tmp_path / "runs/.busy.lock").exists()
