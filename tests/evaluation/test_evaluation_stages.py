"""The stage scripts of targets and evaluation, end to end on a tiny model."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from potstill import artefacts
from potstill.plan.specs.evaluate import BenchmarkSpec, PredictSpec
from potstill.plan.specs.targets import LabelLogits, TargetSpec
from potstill.stage import run
from potstill.tables import read_frame, write_table
from tiny_models import CLASSIFY, DECODER, GENERATE, examples, llama_directory


@pytest.fixture
def stage(monkeypatch):
    """Runs a stage script's command line in this process, because importing torch anew costs seconds."""

    def run_stage(script, spec, inputs, output):
        arguments = ["--spec", json.dumps(spec), "--inputs", json.dumps(inputs), "--output", str(output)]
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *arguments])
        run(importlib.import_module(script).main)

    return run_stage


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    with artefacts.writing(root / "teacher", spec={}) as folder:
        llama_directory(folder)
    with artefacts.writing(root / "examples", spec={}) as folder:
        parts = {"train": (0, 4), "transfer": (4, 10), "validation": (10, 13), "test": (13, 16)}
        for split, (start, stop) in parts.items():
            table = examples(16, labelled=split != "transfer").iloc[start:stop]
            write_table(table.sort_values("example_id", ignore_index=True), folder / f"{split}.parquet")
    return root


def test_captured_centred_predicted_and_measured(root, stage, capsys):
    examples_path, teacher = str(root / "examples"), str(root / "teacher")
    shards = []
    for shard in (0, 1):
        spec = TargetSpec(task=CLASSIFY, model=DECODER, target=LabelLogits(), shard=shard, shards=2)
        output = root / f"targets{shard}"
        stage("capture_targets", spec.as_json(), {"examples": examples_path, "teacher": teacher}, output)
        assert re.search(
            r"^capture targets \| captured (\d)/\1: [\d,]+ tokens/s", capsys.readouterr().err, flags=re.MULTILINE
        )
        manifest = artefacts.verify(output)
        assert (manifest["kind"], manifest["teacher"]) == ("label_logits", "teacher")
        shards.append(str(output))
    assert sum(artefacts.read_manifest(shard)["examples"] for shard in shards) == 10
    spec = PredictSpec(task=CLASSIFY, model=DECODER, calibration="centre")
    inputs = {"examples": examples_path, "teacher": teacher, "label_logits": shards}
    stage("predict_teacher", spec.as_json(), inputs, root / "predictions")
    centred = read_frame(root / "predictions" / "predictions.parquet")
    assert centred["split"].value_counts().to_dict() == {"validation": 3, "test": 3}
    plain_spec = spec.model_copy(update={"calibration": "none"})
    stage("predict_teacher", plain_spec.as_json(), inputs, root / "plain")
    plain = read_frame(root / "plain" / "predictions.parquet")
    stored = np.concatenate([read_frame(Path(shard) / "label_logits.parquet") for shard in shards])
    mean = np.mean([logits for _, split, logits in stored if split == "transfer"], axis=0)
    difference = np.stack(plain["logits"]) - np.stack(centred["logits"])
    np.testing.assert_allclose(difference, np.tile(mean, (6, 1)), rtol=1e-4, atol=1e-5)
    facts = json.loads((root / "predictions" / "run.json").read_text())
    assert {"predict_seconds", "device", "precision", "parameters", "versions"} <= facts.keys()


def test_a_benchmark_has_every_field_of_its_format(root, stage):
    spec = BenchmarkSpec(task=GENERATE, model=DECODER, examples=2, batch_size=2, warmup=1, repeats=1)
    inputs = {"examples": str(root / "examples"), "model": str(root / "teacher")}
    stage("benchmark_model", spec.as_json(), inputs, root / "benchmark")
    found = json.loads((root / "benchmark" / "benchmark.json").read_text())
    assert found.keys() == {
        "parameters",
        "parameters_without_embeddings",
        "bytes_on_disk",
        "latency_ms_p50",
        "latency_ms_p95",
        "latencies_ms",
        "throughput_examples_per_s",
        "throughput_tokens_per_s",
        "peak_memory_mb",
        "environment",
    }
    assert found["environment"].keys() == {"device", "cpu", "threads", "torch", "transformers", "precision"}
    assert found["environment"]["threads"] == 1
    assert len(found["latencies_ms"]) == 2


def test_a_mistake_is_one_message_and_leaves_nothing(root, stage, capsys):
    spec = TargetSpec(task=CLASSIFY, model=DECODER, target=LabelLogits(), shard=0, shards=1)
    inputs = {"examples": str(root / "examples"), "teacher": str(root / "nowhere")}
    with pytest.raises(SystemExit) as caught:
        stage("capture_targets", spec.as_json(), inputs, root / "broken")
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("capture targets | error: ")
    assert printed.count("\n") == 1
    assert not list(root.glob("*broken*"))
