"""The finished smoke experiments for all tests of the workflow.

They are run with access tokens in the environment and in `.env`: none may be found in anything written (`test_secrets.py`).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
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

    def make(folder: Path) -> None:
        project = Project.copy(folder)
        (folder / ".env").write_text(f"POTSTILL_TEST_TOKEN=hf_{CANARY}InTheEnvironmentFile3\n")
        result = project.snakemake("all", "--config", "experiment=smoke")
        assert result.code == 0, result.output

    return made_once("smoke", make, tmp_path_factory)


@pytest.fixture(scope="session")
def generation(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The smoke project with the generative experiment run as well."""

    def make(folder: Path) -> None:
        project = Project.copy(folder, smoke.folder, results=True)
        result = project.snakemake("all", "--config", "experiment=smoke_generation")
        assert result.code == 0, result.output

    return made_once("generation", make, tmp_path_factory)


def made_once(name: str, make: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished project that the first of the parallel workers makes and all of them read; tests change copies of it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of all workers of this call
    folder, made = root / f"finished-{name}", root / f"finished-{name}.made"
    with FileLock(root / f"finished-{name}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a worker that failed has left
            make(folder)
            made.touch()
    return Project(folder)
