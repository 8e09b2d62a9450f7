"""The stage: a command line in, a complete run out; and what a user's mistakes look like."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from potstill import artefacts
from potstill.plan.specs.targets import HiddenStates, LabelLogits, TokenLogits
from potstill.stage import Stage, explain_errors
from potstill.tables import read_frame, write_table
from safetensors.torch import load_file
from tiny_models import CLASSIFY, GENERATE, bert_directory, examples, llama_directory

sys.path.append(str(Path(__file__).parents[1] / "methods"))
import train_student
from method_setups import store

STAGE = Path(__file__).parents[2] / "workflow_scripts" / "train_student.py"
SETTINGS = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Examples, an encoder, a decoder with its targets: artefacts as the stages before leave them."""
    folder = tmp_path_factory.mktemp("stage")
    with artefacts.writing(folder / "examples", spec={}) as directory:
        rows, more = examples(24), examples(40, labelled=False)
        for name, frame in (
            ("train", rows[:8]),
            ("validation", rows[8:16]),
            ("test", rows[16:]),
            ("transfer", more[24:]),
        ):
            write_table(frame.sort_values("example_id"), directory / f"{name}.parquet")
    for name, make in (("bert", bert_directory), ("llama", llama_directory)):
        with artefacts.writing(
            folder / name, spec={}, origin={"wheel": "tiny", "version": "1"}, licence="MIT"
        ) as directory:
            make(directory)
    return folder


@pytest.fixture(scope="module")
def targets(place):
    data = pd.concat([read_frame(place / "examples" / f"{split}.parquet") for split in ("train", "transfer")])
    arguments = (place / "llama", CLASSIFY)
    return {
        "label_logits": store(place / "l", *arguments, LabelLogits(), data),
        "hidden_states": store(place / "h", *arguments, HiddenStates(), data),
        "token_logits": store(place / "t", place / "llama", GENERATE, TokenLogits(top_k=8), data),
    }


def spec(
    method="b0",
    architecture="encoder",
    task=CLASSIFY,
    derive=None,
    seed=0,
    calibration="none",
    options=None,
    **training,
):
    return {
        "task": task.as_json(),
        "model": {"architecture": architecture, "derive": derive},
        "method": method,
        "options": options or {},
        "seed": seed,
        "training": SETTINGS | training,
        "calibration": calibration,
    }


def roles(place, model="bert", **inputs):
    paths = {"examples": str(place / "examples"), "model": str(place / model)}
    return paths | {kind: [str(path) for path in shards] for kind, shards in inputs.items()}


def call(place, output, spec, *arguments, **inputs):
    """The stage as Snakemake calls it, in a process of its own."""
    paths = json.dumps(roles(place, **inputs))
    command = [sys.executable, STAGE, "--spec", json.dumps(spec), "--inputs", paths, "--output", output]
    arguments = arguments or ("--threads", "1")
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def start(place, output, spec, *arguments, **inputs):
    """The stage at work, with a checkpoint at every step."""
    paths = json.dumps(roles(place, **inputs))
    command = [sys.executable, STAGE, "--spec", json.dumps(spec), "--inputs", paths, "--output", output, *arguments]
    environment = os.environ | {"POTSTILL_CHECKPOINT_SECONDS": "0"}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def newest(kept):
    """The step of the newest checkpoint; 0 without any."""
    return max((int(path.name[5:]) for path in kept.glob("step-*") if artefacts.is_finished(path)), default=0)


def train(place, output, spec, **inputs):
    """The stage in this process, which has its imports behind it."""
    with explain_errors():
        train_student.main(Stage(json.loads(json.dumps(spec)), roles(place, **inputs), output, threads=1))


def test_a_run_is_complete_and_the_same_twice(place, targets, tmp_path):
    request = spec("kd1", calibration="centre", options={"temperature": 4.0, "alpha": 0.7}, derive={"keep_layers": [0]})
    for name in ("once", "again"):
        done = call(place, tmp_path / name, request, label_logits=targets["label_logits"])
        assert done.returncode == 0, done.stderr
    run = tmp_path / "once"
    manifest = artefacts.verify(run)
    assert manifest["teacher"] == "teacher"
    assert manifest["licence"] == "MIT"
    assert "24 examples, 12 steps" in done.stderr
    assert "validation and test predicted" in done.stderr

    history = read_frame(run / "history.parquet")
    assert history["step"].tolist() == list(range(1, 13))
    assert {"loss_ce", "loss_kd", "validation_loss", "validation_score"} <= set(history.columns)
    assert history["validation_loss"].notna().tolist() == [False] * 5 + [True] + [False] * 5 + [True]
    # A batch of unlabelled examples alone measures no cross-entropy.
    total = 0.3 * history["loss_ce"].fillna(0) + 0.7 * 16 * history["loss_kd"]
    assert history["loss"].tolist() == pytest.approx(total.tolist())

    predictions = read_frame(run / "predictions.parquet")
    assert predictions["split"].value_counts().to_dict() == {"validation": 8, "test": 8}
    assert set(predictions["text"]) <= {"negative", "positive"}
    facts = json.loads((run / "run.json").read_text())
    assert facts["options"] == {"temperature": 4.0, "alpha": 0.7} | {
        "divergence": "forward_kl",
        "beta": 0.5,
        "level": "auto",
        "alignment": "none",
    }
    assert (facts["steps"], facts["best_step"], facts["examples_seen"]) == (12, 12, 48)
    assert facts["parameters"] == facts["trainable_parameters"] > 0

    card = (run / "student" / "README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    assert header["license"] == "mit"
    assert header["pipeline_tag"] == "text-classification"
    assert str(tmp_path) not in card

    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    student = AutoModelForSequenceClassification.from_pretrained(run / "student")
    assert student.config.num_hidden_layers == 1
    assert student.config.id2label == {0: "negative", 1: "positive"}
    tokenizer = AutoTokenizer.from_pretrained(run / "student")
    test = read_frame(place / "examples" / "test.parquet").set_index("example_id")
    for row in predictions[predictions["split"] == "test"].itertuples():
        found = student(**tokenizer(test.loc[row.example_id, "text"], return_tensors="pt")).logits[0].tolist()
        assert found == pytest.approx(row.logits.tolist(), rel=1e-3, abs=1e-4)

    for name in ("student/model.safetensors", "history.parquet", "predictions.parquet"):
        assert artefacts.sha256_file(run / name) == artefacts.sha256_file(tmp_path / "again" / name), name


@pytest.mark.slow
def test_killed_and_told_to_stop_a_run_ends_with_the_same_bytes(place, targets, tmp_path):
    """kill -9 after one more checkpoint each, then SIGTERM, then in peace; checkpoints at every step."""
    request = spec("kd1", calibration="centre", options={"alpha": 0.7}, epochs=40)
    undisturbed = call(place, tmp_path / "whole", request, label_logits=targets["label_logits"])
    assert undisturbed.returncode == 0, undisturbed.stderr
    kept = tmp_path / ".run.checkpoints"
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        process = start(place, tmp_path / "run", request, label_logits=targets["label_logits"])
        before = newest(kept)
        while newest(kept) < before + 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate(timeout=60)[0]
        assert process.returncode == (75 if number == signal.SIGTERM else -number), said
        assert not (tmp_path / "run").exists()
        assert newest(kept) >= before + 3
    assert re.search(r"error: SIGTERM: stopped after step \d+ of 240, with a checkpoint", said)
    done = call(place, tmp_path / "run", request, label_logits=targets["label_logits"])
    assert done.returncode == 0, done.stderr
    assert "goes on after step" in done.stderr
    assert not kept.exists()
    files = [artefacts.verify(tmp_path / name)["files"] for name in ("whole", "run")]
    apart = {name for name in files[0].keys() | files[1].keys() if files[0].get(name) != files[1].get(name)}
    assert apart <= {"run.json", "student/README.md"}  # wall times, and the run's name


@pytest.mark.slow
def test_on_two_devices_a_run_that_is_told_to_stop_ends_with_the_same_bytes(place, tmp_path):
    """The signals go to the command alone, as Snakemake sends them; kill -9 of it in between."""
    request = spec(epochs=30, devices=2)
    several = ("--devices", "2", "--threads", "2")
    undisturbed = call(place, tmp_path / "whole", request, *several)
    assert undisturbed.returncode == 0, undisturbed.stderr
    kept = tmp_path / ".run.checkpoints"
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = start(place, tmp_path / "run", request, *several)
        before = newest(kept)
        while newest(kept) < before + 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate(timeout=120)[0]
        assert process.returncode == (-number if number == signal.SIGKILL else 75), said
        if number != signal.SIGKILL:
            assert len(re.findall(rf"error: {number.name}: stopped after step \d+ of 60", said)) == 1, said
        assert not (tmp_path / "run").exists()
        assert newest(kept) >= before + 3
    done = call(place, tmp_path / "run", request, *several)
    assert done.returncode == 0, done.stderr
    assert len(re.findall("goes on after step", done.stderr)) == 1
    assert not kept.exists()
    files = [artefacts.verify(tmp_path / name)["files"] for name in ("whole", "run")]
    apart = {name for name in files[0].keys() | files[1].keys() if files[0].get(name) != files[1].get(name)}
    assert apart <= {"run.json", "student/README.md"}
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (facts["devices"], facts["examples_seen"]) == (2, 30 * 8)


def test_another_seed_gives_other_weights(place, tmp_path):
    for seed in (0, 1):
        train(place, tmp_path / str(seed), spec(seed=seed))
    a, b = (load_file(tmp_path / name / "student" / "model.safetensors") for name in ("0", "1"))
    assert any(not torch.equal(a[key], b[key]) for key in a)


def test_generation_with_adapters_from_a_fitted_teacher(place, targets, tmp_path):
    """b0 fits a teacher; its cut is taught by feature distillation; adapters are merged into plain weights."""
    train(place, tmp_path / "teacher", spec("b0", "decoder", GENERATE), model="llama")
    request = spec(
        "kd1", "decoder", GENERATE, derive={"keep_layers": "even", "layers": 1}, lora={"rank": 2}, early_stopping=2
    )
    train(place, tmp_path / "run", request, model=tmp_path / "teacher", token_logits=targets["token_logits"])
    weights = load_file(tmp_path / "run" / "student" / "model.safetensors")
    assert not any("lora" in name for name in weights)
    assert {name.split(".")[2] for name in weights if ".layers." in name} == {"0"}
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["trainable_parameters"] < facts["parameters"]
    assert artefacts.read_manifest(tmp_path / "run")["licence"] == "MIT"
    predictions = read_frame(tmp_path / "run" / "predictions.parquet")
    assert (predictions["n_tokens"] > 0).all()


def test_feature_distillation_runs_across_architectures(place, targets, tmp_path):
    train(place, tmp_path / "run", spec("kd3"), hidden_states=targets["hidden_states"])
    weights = load_file(tmp_path / "run" / "student" / "model.safetensors")
    assert not any("projection" in name or name.startswith("method") for name in weights)
    assert "loss_feature" in read_frame(tmp_path / "run" / "history.parquet").columns


@pytest.mark.parametrize(
    ("change", "inputs", "message"),
    [
        ({"method": "kd4"}, {}, "unknown method 'kd4'"),
        (
            {"method": "kd1", "options": {"level": "tokens", "alignment": "none"}, "architecture": "decoder"},
            {"model": "llama"},
            "no shards of token_logits",
        ),
        ({"learning_rate": 1e15, "max_gradient_norm": None}, {}, "Lower training.learning_rate"),
        ({"task": GENERATE}, {}, "an encoder cannot"),
    ],
)
def test_mistakes_end_in_one_message_and_nothing_written(place, tmp_path, capsys, change, inputs, message):
    with pytest.raises(SystemExit, match="2"):
        train(place, tmp_path / "run", spec(**change), **inputs)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not list(tmp_path.iterdir())


def test_a_damaged_shard_stops_the_run(place, targets, tmp_path, capsys):
    shards = [shutil.copytree(path, tmp_path / path.name) for path in targets["label_logits"]]
    table = shards[1] / "label_logits.parquet"
    table.write_bytes(table.read_bytes()[:-9] + b"x" + table.read_bytes()[-8:])
    with pytest.raises(SystemExit, match="2"):
        train(place, tmp_path / "run", spec("kd1"), label_logits=shards)
    said = capsys.readouterr().err
    assert "label_logits.parquet" in said
    assert "Rebuild it" in said
    assert not (tmp_path / "run").exists()


def test_neutral_modules_change_no_byte_of_what_a_run_computes(place, targets, tmp_path, monkeypatch):
    """Progress, model card and records of versions are left out of code digests: silenced, the run is the same."""
    request = spec("kd1", calibration="centre", options={"temperature": 4.0, "alpha": 0.7})
    train(place, tmp_path / "with", request, label_logits=targets["label_logits"])
    monkeypatch.setattr("potstill.progress.Progress.advance", lambda self, *facts, **more: None)
    monkeypatch.setattr("potstill.progress.print", lambda *line, **to: None, raising=False)
    monkeypatch.setattr("potstill.training.card.write_card", lambda *arguments, **facts: None)
    monkeypatch.setattr("potstill.provenance.library_versions", dict)
    train(place, tmp_path / "without", request, label_logits=targets["label_logits"])
    files = [artefacts.read_manifest(tmp_path / name)["files"] for name in ("with", "without")]
    apart = {name for name in files[0].keys() | files[1].keys() if files[0].get(name) != files[1].get(name)}
    assert apart == {"run.json", "student/README.md"}
