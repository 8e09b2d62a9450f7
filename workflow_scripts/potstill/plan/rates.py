"""How fast jobs of each kind were, kept beside the results, and how long another one will take."""

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path

from potstill.artefacts import MANIFEST, read_manifest, write_atomically
from potstill.errors import ArtefactError
from potstill.plan.nodes import Node
from potstill.plan.workload import Workload, Workloads

FILE = "rates.json"
KEPT = 50  # measurements of a kind
# Until something was measured: one thread of a server's CPU, and a tenth of what a data-centre GPU computes in 16 bit.
ASSUMED_FLOPS = {"cpu": 6e10, "gpu": 3e13}
ASSUMED_START = 15.0  # seconds: Python, torch, loading a model


class Rates:
    """Measured pairs (operations, seconds) of finished jobs, by kind of artefact and device."""

    def __init__(self, measured: Mapping[str, Mapping[str, list[list[float]]]]) -> None:
        self.measured = measured

    @classmethod
    def read(cls, results: str) -> "Rates":
        """Those of a results folder; none where there is no such file, or one that is not ours."""
        try:
            measured = json.loads(Path(results, FILE).read_text(encoding="utf-8"))
            return cls({kind: {d: _pairs(found) for d, found in of.items()} for kind, of in measured.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls({})

    def knows(self, kind: str, device: str) -> bool:
        """Whether a job of this kind was large enough to tell the device's speed."""
        return self._speed(kind, device) is not None

    def seconds(self, kind: str, device: str, workload: Workload) -> float:
        """Wall time of a job: what starting one takes, and its operations at the speed of earlier ones."""
        speed = self._speed(kind, device) or ASSUMED_FLOPS[device]
        started = [seconds - flops / speed for flops, seconds in self.measured.get(kind, {}).get(device, [])]
        start = max(statistics.median(started), 0.0) if started else ASSUMED_START
        return start + workload.flops / speed

    def _speed(self, kind: str, device: str) -> float | None:
        # A job that the assumed speed would end within five seconds tells how long starting takes, and no speed.
        large = [
            flops / max(seconds - ASSUMED_START, seconds / 2)
            for flops, seconds in self.measured.get(kind, {}).get(device, [])
            if flops >= 5 * ASSUMED_FLOPS[device]
        ]
        return statistics.median(large) if large else None


def remember(results: str, nodes: Iterable[Node], workloads: Workloads, since: float) -> None:
    """Add the jobs that ended since a time (seconds since the epoch) to what is known of a results folder."""
    measured = {kind: {d: list(pairs) for d, pairs in of.items()} for kind, of in Rates.read(results).measured.items()}
    before = json.dumps(measured)
    for node in nodes:
        seconds, device = _job(Path(node.directory(results)), since)
        if seconds and device:
            pairs = measured.setdefault(node.kind, {}).setdefault("cpu" if device == "cpu" else "gpu", [])
            pairs.append([float(f"{workloads.of(node).flops:.4g}"), round(seconds, 1)])
            del pairs[:-KEPT]
    if json.dumps(measured) != before:
        write_atomically(Path(results, FILE), json.dumps(measured, sort_keys=True) + "\n")


def _job(folder: Path, since: float) -> tuple[float, str]:
    """Seconds and device of the job that made an artefact, from its manifest; 0 and nothing where they are not told."""
    try:
        if (folder / MANIFEST).stat().st_mtime < since:
            return 0.0, ""
        manifest = read_manifest(folder)
        return float(manifest.get("seconds", 0)), str(manifest.get("device", ""))
    except (OSError, ArtefactError, TypeError, ValueError):
        return 0.0, ""


def _pairs(found: list[list[float]]) -> list[list[float]]:
    return [[float(flops), float(seconds)] for flops, seconds in found]
