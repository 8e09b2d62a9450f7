"""A project whose configuration can be changed, and plans of it."""

import shutil

import pytest
from configuration_changes import REPOSITORY, change_file, data_folder
from potstill.plan.plan import Plan, make_plan


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the configuration beside the code; the working directory."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    for name in ("workflow_scripts", "tests", "docs"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def plan(project):
    """`plan("demo", {"seeds": [1]}, code="keep")`: the plan of a changed experiment; each call starts from the last."""

    def planned(experiment: str, change=None, *, file: str | None = None, **main) -> Plan:
        if change:
            change_file(project / "config" / (file or f"experiments/{experiment}.yaml"), change)
        return make_plan(project, {"experiment": experiment, "data": str(data_folder()), **main}, probe=False)

    return planned
