"""One finished smoke experiment for all tests of the workflow."""

import pytest
from project import Project


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project in which the smoke experiment has really been run."""
    project = Project.copy(tmp_path_factory.mktemp("smoke"))
    result = project.snakemake("all", "--config", "experiment=smoke")
    assert result.code == 0, result.output
    return project
