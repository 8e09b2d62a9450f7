"""The conda environments name the locked versions, and the lock covers what is used directly."""

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).resolve().parents[2] / "envs"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    return {canonical(name): version for name, _, version in (line.partition("==") for line in lines) if version}


LOCKED = pins((ENVS / "requirements.txt").read_text().split())


@pytest.mark.parametrize("name", ["models", "analysis"])
def test_conda_environment_has_the_locked_versions(name: str) -> None:
    dependencies = yaml.safe_load((ENVS / f"{name}.yaml").read_text())["dependencies"]
    conda = pins(next(item for item in dependencies if isinstance(item, dict))["pip"])
    assert conda
    assert {package: LOCKED.get(package) for package in conda} == conda


def test_every_direct_requirement_is_locked() -> None:
    for line in (ENVS / "requirements.in").read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement:
            assert canonical(requirement.partition("==")[0]) in LOCKED, requirement


def test_lock_holds_exact_versions_without_hashes_or_local_builds() -> None:
    for line in (ENVS / "requirements.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line


def test_every_rule_names_an_environment_of_this_folder() -> None:
    rules = ENVS.parent / "rules"
    named = set(re.findall(r'"\.\./envs/(\w+)\.yaml"', "".join(p.read_text() for p in rules.glob("*.smk"))))
    assert named == {"models", "analysis"}
