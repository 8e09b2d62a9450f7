"""profiles/slurm as people change it: read by Snakemake without any cluster."""

import re
from pathlib import Path

import pytest
from project import Project

pytestmark = pytest.mark.slow


def test_the_lines_for_a_site_work_once_the_comment_signs_are_gone(tmp_path: Path) -> None:
    project = Project.copy(tmp_path)
    profile = project.folder / "profiles/slurm/config.yaml"
    block = re.search(r"^# set-resources:\n(#   .*\n)+", profile.read_text(), flags=re.MULTILINE)
    assert block
    project.replace(str(profile.relative_to(project.folder)), block[0], re.sub("^# ", "", block[0], flags=re.MULTILINE))
    project.replace("profiles/slurm/config.yaml", "# slurm_partition: cpu", "slurm_partition: cpu")
    project.replace("profiles/slurm/config.yaml", "# slurm_account: my-project", "slurm_account: my-project")
    project.replace("profiles/slurm/config.yaml", "runtime: 1440", "runtime: 10")
    project.replace("profiles/slurm/config.yaml", "mem_mb: 250000", "mem_mb: 1000")
    result = project.snakemake(
        "-n", "all", "--workflow-profile", "profiles/slurm", "--config", "experiment=smoke", cores=None
    )
    assert result.code == 0, result.output
    wanted = {name: _resources(result.output, name) for name in ("train_student", "predict_teacher", "write_table")}
    for name in ("train_student", "predict_teacher"):
        assert wanted[name] >= {"slurm_partition=gpu", "gpu=1", "gpu_model=a100"}
    assert "slurm_partition=cpu" in wanted["write_table"]
    for found in wanted.values():
        assert found >= {"slurm_account=my-project", "slurm_extra=--signal=USR1@120", "runtime=10", "mem_mb=1000"}


def _resources(output: str, rule: str) -> set[str]:
    """What the first job of a rule asks for, as `name=value`."""
    found = re.search(rf"^rule {rule}:.*?^    resources: (.*?)$", output, flags=re.MULTILINE | re.DOTALL)
    assert found
    return set(found[1].split(", "))
