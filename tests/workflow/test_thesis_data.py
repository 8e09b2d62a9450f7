"""The data steps of the thesis experiments on real files in place of the Hub's, as a user without a network runs them."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from project import ROOT, Project

DATA = Path(os.environ.get("POTSTILL_DATA", ROOT.parent / "shared" / "data"))

LOCAL = """
extends: {experiment}
title: The thesis with data from this machine
catalogue:
  datasets:
    sst2:
      source: {{path: sst2_glue}}
      format: tsv
      files: {{train: train.tsv, validation: dev.tsv}}
    squad:
      source: {{path: squad_train_du_test/test-v1.1.json}}
      format: squad
      files: {{train: ., validation: null}}
tasks:
  squad:
    splits: {{train: "{squad}", test: "train[10000:11000]"}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "squad", "sizes"),
    [
        ("thesis_fast", "train[:200]", {"sst2": (500, 200, 872), "squad": (200, 100, 1000)}),
        # SST-2: 67,349 rows less 371 duplicates, 2 % of them for validation; SQuAD: 2 % in whole passages.
        ("thesis_full", "train[:10000]", {"sst2": (65_638, 1_340, 872), "squad": (9_798, 202, 1000)}),
    ],
)
def test_examples_are_prepared_offline(
    experiment: str, squad: str, sizes: dict[str, tuple[int, int, int]], tmp_path: Path
) -> None:
    if not (DATA / "sst2_glue").is_dir():
        pytest.skip(f"no {DATA / 'sst2_glue'}; set POTSTILL_DATA to the folder of data sets")
    project = Project.copy(tmp_path)
    text = LOCAL.format(experiment=experiment, squad=squad)
    (project.folder / "config/experiments/local.yaml").write_text(text, encoding="utf-8")
    result = project.snakemake("examples", "--config", "experiment=local", "teacher=qwen2.5-7b", f"data={DATA}")
    assert result.code == 0, result.output
    assert {path.name for path in (project.folder / "results").glob("[!.]*")} == {"assets", "examples", "logs"}
    assert {path.name.partition(".")[0] for path in (project.folder / "results/assets").iterdir()} == {"data"}
    folders = {path.name.partition("-")[0]: path for path in (project.folder / "results/examples").iterdir()}
    assert folders.keys() == sizes.keys()
    for task, expected in sizes.items():
        frames = {path.stem: pd.read_parquet(path) for path in folders[task].glob("*.parquet")}
        assert tuple(len(frames[split]) for split in ("train", "validation", "test")) == expected
        assert pd.concat(frames.values()).example_id.is_unique
        assert json.loads((folders[task] / "report.json").read_text())["notes"]
