"""Kill, stop and interrupt a small experiment at random, again and again: it must end with the same bytes.

    python tests/reliability/torture.py                                  # the full count, about 20 minutes on two cores
    python tests/reliability/torture.py --kills 20 --terms 3 --ints 3    # what the tests run
    python tests/reliability/torture.py --seed 7                         # other moments

Most disturbances hit a single stage, at every moment of its life; the others hit calls of Snakemake. After each one the
same command is given again. At the end of each round every file of the results is compared with the undisturbed run's.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from disturbances import (
    CALL_FAULTS,
    STAGE_FAULTS,
    Disturbance,
    Stage,
    call_snakemake,
    preload,
    stages,
    wait_for_orphans,
)
from potstill.plan.leftovers import remove_leftovers
from project import Project
from small_experiment import LEFT_OUT, NAME, apart, duplicated_rows, fingerprints, project

SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
PER_ROUND = 6  # disturbances until a job or a workflow may run to its end
OF_CALLS = 8  # every so manieth disturbance hits a call of Snakemake
FORCED = 3  # every so manieth kill -9, at the least, is forced inside a write


@dataclass
class Tally:
    """What was done, and what came of it."""

    left: dict[str, int]
    done: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    lost: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def choose(
        self, rng: random.Random, points: list[str], times: int, whom: tuple[str, ...] = ("all",)
    ) -> Disturbance | None:
        """The next disturbance, a forced one at the first to `times`-th passing of a point; None when all are done."""
        names = [name for name in SIGNALS for _ in range(self.left[name])]
        if not names:
            return None
        name = rng.choice(names)
        kills = {at: n for at, n in self.done.items() if "SIGKILL" in at}
        inside = sum(n for at, n in kills.items() if at.endswith("inside a write"))
        if name == "SIGKILL" and FORCED * inside <= sum(kills.values()):
            action = rng.choice(("kill", "kill", "tear"))
            return Disturbance(name, fault=f"{action}:{rng.choice(points)}:{rng.randint(1, times)}")
        return Disturbance(name, moment=rng.random(), whom="all" if name == "SIGINT" else rng.choice(whom))

    def count(self, disturbance: Disturbance, level: str) -> None:
        """One more that has hit."""
        self.left[disturbance.signal] = max(0, self.left[disturbance.signal] - 1)
        self.done[f"{level} {disturbance.signal}{' inside a write' if disturbance.fault else ''}"] += 1
        print(f"{sum(self.done.values())}: {level}, {disturbance}", flush=True)

    def finished(self, level: str, wrong: list[str]) -> None:
        """A round has ended, with these files other than they should be."""
        self.rounds[level] += 1
        if wrong:
            self.rounds[f"{level} with other bytes"] += 1
            self.faults.append(f"{level}: {', '.join(wrong[:8])}")
        print(f"{level}: the undisturbed bytes" if not wrong else f"WRONG {self.faults[-1]}", flush=True)


class Torture:
    """The undisturbed run, and disturbed ones to compare with it."""

    def __init__(self, folder: Path, seed: int, counts: dict[str, int]) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.tally = Tally(dict(counts))
        self.reference = project(folder / "undisturbed")
        begin = time.monotonic()
        code, _ = call_snakemake(self.reference, NAME, folder / "undisturbed.log")
        if code:
            sys.exit(f"the undisturbed run failed: {folder / 'undisturbed.log'}")
        self.seconds = time.monotonic() - begin
        self.expected = fingerprints(self.reference.folder / "results")
        preload()
        self.jobs = stages(self.reference, NAME)
        self.alone = {name: self.undisturbed(name, job) for name, job in self.jobs.items()}

    def undisturbed(self, name: str, job: Stage) -> tuple[float, int, dict[str, str]]:
        """Run a stage in peace: seconds, steps and batches, and its files; they must be those that Snakemake made."""
        output = self.folder / "alone" / name
        journal = self.folder / "journal"
        journal.unlink(missing_ok=True)
        begin = time.monotonic()
        code = self.moved(job, output).run(self.folder / "stages.log", journal)
        seconds = time.monotonic() - begin
        if code:
            sys.exit(f"{name} failed: {self.folder / 'stages.log'}")
        found = fingerprints(output)
        made = fingerprints(self.reference.folder / "results" / name)
        if made and (wrong := apart(made, found)):
            self.tally.finished("undisturbed stage", [f"{name}/{file}" for file in wrong])
        return seconds, journal.stat().st_size, found

    def moved(self, job: Stage, output: Path) -> Stage:
        """The same stage with another place to write to."""
        arguments = [*job.arguments[:-1], str(output)]
        return Stage(job.script, arguments, job.folder, {"POTSTILL_CHECKPOINT_SECONDS": "0"})

    def stage_round(self, name: str) -> None:
        """Disturb a stage until it has been disturbed enough, let it end, and compare."""
        seconds, needed, expected = self.alone[name]
        place = self.folder / "disturbed"
        shutil.rmtree(place, ignore_errors=True)
        job, journal = self.moved(self.jobs[name], place / name), self.folder / "journal"
        journal.unlink(missing_ok=True)
        code, hits = -1, 0
        while code and hits < PER_ROUND and (disturbance := self.tally.choose(self.rng, STAGE_FAULTS, 4)):
            code = job.run(self.folder / "stages.log", journal, disturbance, seconds)
            if code in (0, 1, 2):
                break
            hits += 1
            self.tally.count(disturbance, "stage")
        if code:
            code = job.run(self.folder / "stages.log", journal)
        remove_leftovers(place, ("runs", "targets"), place / "none")  # as the next call of Snakemake does
        wrong = apart({f"{name}/{file}": digest for file, digest in expected.items()}, fingerprints(place))
        wrong += [f"exit code {code}"] * bool(code)
        if hits:
            # A step or a batch is begun again for each disturbance, and what was done since the last checkpoint.
            self.tally.lost.append((journal.stat().st_size - needed) / hits)
        self.tally.finished("stage", wrong)

    def workflow_round(self, number: int) -> None:
        """Disturb one call of Snakemake after the other, let the last one end, and compare."""
        copy = Project.copy(self.folder / f"workflow-{number}", self.reference.folder)
        log = self.folder / f"workflow-{number}.log"
        whom = ("all", "all", "snakemake", "one")
        for _ in range(PER_ROUND):
            if not (disturbance := self.tally.choose(self.rng, CALL_FAULTS, 1, whom)):
                break
            # What is left takes less time than all of it.
            code, hit = call_snakemake(copy, NAME, log, disturbance, self.seconds / 2)
            if hit:
                self.tally.count(disturbance, "workflow")
            if not code:
                break
        code, _ = call_snakemake(copy, NAME, log)
        wait_for_orphans(copy.folder)
        wrong = apart(self.expected, fingerprints(copy.folder / "results"))
        wrong += [f"exit code {code}"] * bool(code)
        wrong += [f"{duplicated_rows(copy.folder / 'results')} duplicated rows"] * bool(
            duplicated_rows(copy.folder / "results")
        )
        self.tally.finished("workflow", wrong)
        if not wrong:
            shutil.rmtree(copy.folder)

    def run(self) -> Tally:
        """All disturbances that were asked for."""
        names, calls, number = list(self.jobs), sum(self.tally.left.values()) // OF_CALLS, 0
        while any(self.tally.left.values()):
            if sum(n for name, n in self.tally.done.items() if name.startswith("workflow")) < calls:
                self.workflow_round(number)
            else:
                self.stage_round(names[number % len(names)])
            number += 1
        return self.tally


def main() -> None:
    """Print what was done and whether all of it ended well; exit code 1 if not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="kill -9")
    parser.add_argument("--terms", type=int, default=50, help="SIGTERM")
    parser.add_argument("--ints", type=int, default=50, help="SIGINT, as Ctrl-C sends it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    arguments = parser.parse_args()
    counts = dict(zip(SIGNALS, (arguments.kills, arguments.terms, arguments.ints), strict=True))
    begin = time.monotonic()
    folder = (arguments.keep or Path(tempfile.mkdtemp(prefix="torture-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    tally = Torture(folder, arguments.seed, counts).run()
    report(tally, arguments.seed, time.monotonic() - begin)
    if tally.faults:
        sys.exit(f"look into {folder}")
    if not arguments.keep:
        shutil.rmtree(folder)


def report(tally: Tally, seed: int, seconds: float) -> None:
    """The figures, for a person and for docs/reliability.md."""
    kills = sum(n for name, n in tally.done.items() if "SIGKILL" in name)
    inside = sum(n for name, n in tally.done.items() if "inside" in name)
    print(f"seed {seed}, {seconds / 60:.1f} minutes")
    for name in sorted(tally.done):
        print(f"{tally.done[name]:5d}  {name}")
    print(f"{kills} kill -9, {inside} of them forced inside a write ({inside / max(kills, 1):.0%})")
    for level in ("stage", "workflow"):
        bad = tally.rounds[f"{level} with other bytes"]
        print(f"{level}: {tally.rounds[level] - bad} of {tally.rounds[level]} rounds ended with the undisturbed bytes")
    lost = tally.lost or [0.0]
    print(
        f"steps or batches done again for each disturbance: {sum(lost) / len(lost):.2f} on average, {max(lost):.2f} at most"
    )
    print("0 duplicated rows" if not any("duplicated" in fault for fault in tally.faults) else "DUPLICATED ROWS")
    print("compared byte for byte, except: " + "; ".join(f"{name} ({why})" for name, (_, why) in LEFT_OUT.items()))
    for fault in tally.faults:
        print(f"WRONG {fault}")


if __name__ == "__main__":
    main()
