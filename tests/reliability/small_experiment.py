"""A small experiment with every kind of long job, and what of its results must be the same bytes in every run of it."""

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.append(str(Path(__file__).parents[1] / "workflow"))
from project import Project

NAME = "torture"
TEXT = """
title: Torture
tasks: [smoke-facts]
teacher:
  model: tiny-decoder
  fit:
    training: {epochs: 3, learning_rate: 3e-3}
students: [tiny-decoder-2l]
methods:
  kd1: {temperature: 2, alpha: 0.5}
  kd2: {}
seeds: [0]
training: {epochs: 3, batch_size: 16, learning_rate: 1e-3}
targets: {shards: 1, top_k: 32, token_budget: 512}
comparison: {baseline: kd1}
tables: [table_4_3_significance]
figures: [fig_loss_curves]
"""


def project(folder: Path) -> Project:
    """A copy of the project with this experiment in it."""
    copy = Project.copy(folder)
    (copy.folder / "config/experiments" / f"{NAME}.yaml").write_text(TEXT)
    return copy


def _without(*keys: str) -> Callable[[bytes], bytes]:
    def normalised(data: bytes) -> bytes:
        content = json.loads(data)
        for key in keys:
            content.pop(key, None)
        for name in [name for name in content.get("files", ()) if _left_out(name)]:
            content["files"].pop(name)
        return json.dumps(content, sort_keys=True).encode()

    return normalised


def _without_times(data: bytes) -> bytes:
    return pd.read_parquet(io.BytesIO(data)).drop(columns=["train_seconds", "predict_seconds"]).to_csv().encode()


def _nothing(data: bytes) -> bytes:
    return b""


RECORD = ("created", "command", "seconds", "checksum", "versions", "commit", "modified")  # when and by whom it was made

# Name -> what is compared of it, and why not all. Everything else is compared byte for byte.
LEFT_OUT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "manifest.json": (_without(*RECORD), "when it was made, how long that took, by which call of which checkout"),
    "run.json": (
        _without("train_seconds", "predict_seconds", "versions"),
        "how long it took, libraries that were loaded",
    ),
    "collected/runs.parquet": (_without_times, "how long each run took"),
    "collected.json": (_without("files", *RECORD), "the same, and the sum of the table with times"),
    "benchmark.json": (_nothing, "how fast a model is, and how much memory it took"),
    "collected_benchmarks/benchmarks.parquet": (_nothing, "the same"),
    "costs/costs.parquet": (_nothing, "how long every job took"),
    "collected_benchmarks.json": (_without("files", *RECORD), "the sum of the table of these"),
    "costs.json": (_without("files", *RECORD), "the same"),
    "report.json": (_without("files", *RECORD), "the same, and the sum of the report"),
    "report.html": (_nothing, "how long the runs took"),
    "summary.md": (_nothing, "the same"),
    "rates.json": (_nothing, "how long jobs took, where a call came to its end"),
    ".digests.json": (_nothing, "times of change of local files"),
}


def _left_out(name: str) -> bool:
    return name in ("run.json", "benchmark.json")


def fingerprints(results: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder of results, hidden ones and leftovers included, logs not; empty folders, too."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        if name.startswith("logs/") or name in ("logs", "rates.json"):
            continue
        if path.is_dir():
            if not any(path.iterdir()):
                found[name] = "an empty folder"
            continue
        data = path.read_bytes()
        for pattern, (normalised, _) in LEFT_OUT.items():
            inside = name.endswith(f"/{pattern}") or name == pattern
            if inside and (pattern != "report.json" or "/.made/" in name):
                data = normalised(data)
        found[name] = hashlib.sha256(data).hexdigest()
    return found


def apart(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """The names that are not the same in both."""
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def duplicated_rows(results: Path) -> int:
    """Rows of per-example tables that are there twice."""
    count = 0
    for path in results.rglob("*.parquet"):
        if path.name == "predictions.parquet" or "targets" in path.parts:
            frame = pd.read_parquet(path)
            count += int(frame.duplicated([name for name in ("split", "example_id") if name in frame]).sum())
    return count
