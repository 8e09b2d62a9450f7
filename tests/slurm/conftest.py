"""A cluster, and a project whose experiment has run on it."""

from collections.abc import Iterator

import pytest
import yaml
from cluster import COMMAND, Cluster, why_not
from project import Project, Result

# Every rule, few jobs: each one starts Snakemake twice.
EXPERIMENT = """
extends: smoke
title: Smoke test on a cluster
methods:
  b0: {training: {epochs: 5}}
  kd1: {temperature: [1], alpha: 0.5}
  kd3: null
seeds: [0]
targets: {shards: 1}
benchmark: {threads: 2}
"""

# What a person changes in profiles/slurm for the test's cluster. One rule starts with too little memory.
SITE = {
    "latency-wait": 10,
    "slurm-init-seconds-before-status-checks": 3,
    "jobs": 3,
    "resources": {"runtime": 60, "mem_mb": 8000},
    "set-resources": {
        "train_student": {"slurm_partition": "gpu"},
        "capture_targets": {"gpu": 0, "slurm_partition": "gpu", "gres": "gpu:fake:1"},
        "predict_teacher": {"gpu": 0, "mem_mb": "300 * attempt ** 2"},
        "benchmark_model": {"gpu": 0},
    },
}

# Left in the way of every Python: it writes down at the end which devices a stage of the workflow had.
SPY = """
import atexit, os, sys
from pathlib import Path

script = next((word for word in sys.orig_argv if word.startswith("workflow_scripts/")), None)

@atexit.register
def record():
    if script and "SLURM_JOB_ID" in os.environ:
        name = f"{Path(script).stem}.{os.environ['SLURM_JOB_ID']}"
        Path(os.environ["SPY"], name).write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
"""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running SLURM."""
    if reason := why_not():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def finished(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    """A project whose experiment has run on the cluster, and what Snakemake said; `spy/` says who had which device."""
    project = Project.copy(tmp_path_factory.mktemp("finished"))
    (project.folder / "config/experiments/cluster.yaml").write_text(EXPERIMENT)
    profile = project.folder / "profiles/slurm/config.yaml"
    profile.write_text(yaml.safe_dump(yaml.safe_load(profile.read_text()) | SITE))
    spy = project.folder / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(spy))
        patch.setenv("SPY", str(spy))
        patch.setenv("POTSTILL_DEVICES", "0,1")  # so that there is something to lease
        result = project.snakemake("all", *COMMAND, cores=None)
    assert result.code == 0, result.output
    return project, result
