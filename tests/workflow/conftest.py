"""The finished smoke experiments for all tests of the workflow.

They are run with access tokens in the environment and in `.env`: none may be found in anything written (`test_secrets.py`).
"""

from collections.abc import Iterator

import pytest
from project import CANARY, Project


@pytest.fixture(scope="session")
def tokens() -> Iterator[None]:
    """Tokens as a user has them while an experiment runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", f"hf_{CANARY}InTheEnvironment000001")
        patch.setenv("HUGGING_FACE_HUB_TOKEN", f"hf_{CANARY}InTheEnvironment000002")
        yield


@pytest.fixture(scope="session")
def smoke(tokens: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project in which the smoke experiment has really been run."""
    project = Project.copy(tmp_path_factory.mktemp("smoke"))
    (project.folder / ".env").write_text(f"POTSTILL_TEST_TOKEN=hf_{CANARY}InTheEnvironmentFile3\n")
    result = project.snakemake("all", "--config", "experiment=smoke")
    assert result.code == 0, result.output
    return project


@pytest.fixture(scope="session")
def generation(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The smoke project with the generative experiment run as well."""
    project = Project.copy(tmp_path_factory.mktemp("generation"), smoke.folder, results=True)
    result = project.snakemake("all", "--config", "experiment=smoke_generation")
    assert result.code == 0, result.output
    return project
