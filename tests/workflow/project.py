"""A copy of the project in a folder of its own, and Snakemake run in it as a user would."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# In every access token of the tests.
CANARY = "CANARYthatNobodyMayEverWriteDown"

# What a fresh clone has; results, environments and caches stay behind.
PARTS = (
    "Snakefile",
    "rules",
    "config",
    "workflow_scripts",
    "envs",
    "profiles",
    "docs/captions",
    "docs/methods.md",
    "tests/assets/smoke",
)


@dataclass(frozen=True)
class Result:
    """What a call of Snakemake left: exit code and everything it printed."""

    code: int
    output: str

    def jobs(self) -> Counter[str]:
        """Rule -> number of jobs that were planned or run, without the target `all`."""
        assert self.code == 0, self.output
        rules = re.findall(r"^(?:local)?rule (\w+):", self.output, flags=re.MULTILINE)
        return Counter(rule for rule in rules if rule != "all")


class Project:
    """One copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def copy(cls, folder: Path, source: Path = ROOT, results: bool = False) -> "Project":
        """Copy the project's own files, and its results with Snakemake's records if asked for."""
        for part in (*PARTS, *(("results", ".snakemake") if results else ())):
            origin, target = source / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                # Times are kept, as `cp -a` would: nothing may depend on them, and one test touches everything.
                shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
            elif origin.exists():
                shutil.copy2(origin, target)
        return cls(folder)

    def snakemake(self, *arguments: str, cores: int | None = 2, profile: bool = True, timeout: float = 600) -> Result:
        """Run Snakemake here with the interpreter of the tests."""
        command = [sys.executable, "-m", "snakemake", "--nocolor", *arguments]
        if cores:
            command += ["--cores", str(cores)]
        if not profile:
            command += ["--workflow-profile", "none"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
        result = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        return Result(result.returncode, result.stdout + result.stderr)

    def plan(self, experiment: str, *config: str, profile: bool = True) -> Counter[str]:
        """The jobs that `snakemake -n all` would run."""
        return self.snakemake("-n", "all", "--config", f"experiment={experiment}", *config, profile=profile).jobs()

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a file's text, which must occur in it."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
