"""What an experiment's jobs took, by method. Formats: "Costs" in docs/architecture.md.

Seconds are those of accelerators: a job's time, once for each device that it computed on. Trainings and predictions are
counted without starting and loading (`run.json`); of targets the manifest's time of the whole job is all that is known.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from potstill.artefacts import read_json, read_manifest
from potstill.plan.specs.costs import CollectCostsSpec

COLUMNS = [
    "task", "student", "method", "baseline", "stage", "kind", "seconds", "devices", "device", "jobs", "amortised_over",
    "seconds_alone", "seconds_per_run",
]  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What one job took: seconds of all its devices together (NaN: not recorded), how many, and which."""

    seconds: float
    devices: int
    device: str


def teacher_jobs(directories: Mapping[str, Path], what: Literal["train", "predict"]) -> dict[str, Job]:
    """The jobs of the teacher by task: its trainings or its predictions."""
    return {task: _job(read_json(path, "run.json"), f"{what}_seconds") for task, path in directories.items()}


def collect_costs(
    spec: CollectCostsSpec,
    runs: Sequence[Path],
    shards: Sequence[Path],
    fits: Mapping[str, Job],
    passes: Mapping[str, Job],
) -> pd.DataFrame:
    """One row per task, student, method, stage and kind of targets.

    Args:
        runs, shards: directories in the order of the spec.
        fits, passes: by task, the jobs that fitted the teacher and that scored it.

    Returns:
        `COLUMNS`. `seconds` of the stage's `jobs`, each of which ran once for all; `amortised_over` the runs of the whole
        experiment that share them. `seconds_alone` and `seconds_per_run` are what one of the method's runs bears, in the
        mean over all of them: if it were the only run, and with its share. Where a grid's points read different targets,
        each set has a row, and a run that does not read it bears nothing of it.
    """
    facts = [read_json(path, "run.json") for path in runs]
    trained, predicted = ([_job(f, f"{what}_seconds") for f in facts] for what in ("train", "predict"))
    asked = [_job(read_manifest(path), "seconds") for path in shards]
    readers = Counter(position for run in spec.runs for position in run.targets)
    fitted = Counter(run.task for run in spec.runs if run.fit)
    taught = Counter(run.task for run in spec.runs if run.teacher)
    rows = []
    places: dict[tuple[str, str, str], list[int]] = {}
    for place, run in enumerate(spec.runs):
        places.setdefault((run.task, run.student, run.method), []).append(place)
    for (task, student, method), mine in places.items():
        own = [spec.runs[place] for place in mine]
        stages = []
        if needing := sum(run.fit for run in own):
            stages.append(_shared("teacher fit", "", [fits[task]], fitted[task], needing, len(own)))
        if needing := sum(run.teacher for run in own):
            stages.append(_shared("teacher pass", "", [passes[task]], taught[task], needing, len(own)))
        for position in dict.fromkeys(position for run in own for position in run.targets):
            found, needing = spec.targets[position], sum(position in run.targets for run in own)
            jobs = [asked[shard] for shard in found.shards]
            stages.append(_shared("targets", found.kind, jobs, readers[position], needing, len(own)))
        stages.append(_own("training", [trained[place] for place in mine]))
        stages.append(_own("prediction", [predicted[place] for place in mine]))
        names = {"task": task, "student": student, "method": method, "baseline": method == spec.baseline}
        rows += [names | stage for stage in stages]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shared(stage: str, kind: str, jobs: Sequence[Job], amortised_over: int, needing: int, runs: int) -> dict[str, Any]:
    """A stage that ran once for several runs; of the method's `runs`, `needing` rest on it."""
    row = _row(stage, kind, jobs, amortised_over)
    alone = row["seconds"] * needing / runs
    return {**row, "seconds_alone": alone, "seconds_per_run": alone / amortised_over}


def _own(stage: str, jobs: Sequence[Job]) -> dict[str, Any]:
    """A stage that each run has for itself."""
    row = _row(stage, "", jobs, len(jobs))
    mean = row["seconds"] / len(jobs)
    return {**row, "seconds_alone": mean, "seconds_per_run": mean}


def _row(stage: str, kind: str, jobs: Sequence[Job], amortised_over: int) -> dict[str, Any]:
    return {
        "stage": stage,
        "kind": kind,
        "seconds": math.fsum(job.seconds for job in jobs),
        "devices": max(job.devices for job in jobs),
        "device": _joined(job.device for job in jobs),
        "jobs": len(jobs),
        "amortised_over": amortised_over,
    }


def _job(facts: Mapping[str, Any], key: str) -> Job:
    devices = int(facts.get("devices", 1))  # artefacts of before there were several do not say
    return Job(float(facts.get(key, math.nan)) * devices, devices, str(facts.get("device", "")))


def _joined(devices: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(device for device in devices if device))
