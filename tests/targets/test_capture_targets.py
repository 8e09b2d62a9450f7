"""The stage: a shard that is killed and stopped in the middle ends with the bytes of one that was not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from potstill import artefacts
from potstill.plan.specs.targets import Generations, HiddenStates, LabelLogits, TokenLogits
from stored_targets import store_examples
from tiny_models import CLASSIFY, GENERATE, llama_directory

pytestmark = pytest.mark.slow

STAGE = Path(__file__).parents[2] / "workflow_scripts" / "capture_targets.py"
KINDS = {
    "drawn answers": (Generations(temperature=1.0, top_p=0.9, seed=5), GENERATE),
    "token_logits": (TokenLogits(top_k=16), GENERATE),
    "hidden_states": (HiddenStates(pooling="tokens"), GENERATE),
    "label_logits": (LabelLogits(), CLASSIFY),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    with artefacts.writing(folder / "examples", spec={}) as directory:
        store_examples(directory, train=60, transfer=40)
    with artefacts.writing(folder / "teacher", spec={}) as directory:
        llama_directory(directory)
    return folder


def start(place, output, kind, **environment):
    target, task = KINDS[kind]
    spec = {
        "task": task.as_json(),
        "model": {"architecture": "decoder"},
        "target": target.as_json(),
        "shard": 0,
        "shards": 1,
        "token_budget": 64,
    }
    inputs = {"examples": str(place / "examples"), "teacher": str(place / "teacher")}
    command = [sys.executable, STAGE, "--spec", json.dumps(spec), "--inputs", json.dumps(inputs), "--output", output]
    return subprocess.Popen(
        command, env=os.environ | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def end(process):
    said = process.communicate(timeout=120)[0]
    return process.returncode, said


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_told_to_stop_a_shard_ends_with_the_same_bytes(place, tmp_path, kind):
    code, said = end(start(place, tmp_path / "whole" / "it", kind))
    assert code == 0, said
    output = tmp_path / "results" / "it"
    at_once = {"POTSTILL_CHECKPOINT_SECONDS": "0"}
    # Killed after the third checkpoint, and, of the next one, half-way through the manifest.
    for fault, kept in (("kill:published:3", 3), ("kill:manifest-half:1", 3)):
        code, said = end(start(place, output, kind, POTSTILL_FAULT=fault, **at_once))
        assert code == -signal.SIGKILL, said
        found = [path.name for path in (output.parent / ".it.checkpoints").glob("batches-*")]
        assert len(found) == kept
    process = start(place, output, kind, **at_once)
    while not (output.parent / ".it.checkpoints/batches-00000005").exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    code, said = end(process)
    assert code == 75, said
    stopped = re.search(r"error: SIGTERM: stopped after batch (\d+) of (\d+) .*with a checkpoint in", said)
    assert 5 <= int(stopped[1]) < int(stopped[2])
    code, said = end(start(place, output, kind))
    assert code == 0, said
    assert f"goes on after {stopped[1]} of {stopped[2]} batches" in said
    assert os.listdir(output.parent) == ["it"]
    files = [artefacts.verify(path)["files"] for path in (tmp_path / "whole" / "it", output)]
    assert files[0] == files[1]


def test_a_short_shard_keeps_nothing(place, tmp_path):
    code, said = end(start(place, tmp_path / "results" / "it", "label_logits", POTSTILL_FAULT="kill:files:1"))
    assert code == -signal.SIGKILL, said
    assert not (tmp_path / "results" / ".it.checkpoints").exists()


def test_a_wrong_interval_is_one_message(place, tmp_path):
    code, said = end(start(place, tmp_path / "it", "label_logits", POTSTILL_CHECKPOINT_SECONDS="soon"))
    assert code == 2
    assert "error: POTSTILL_CHECKPOINT_SECONDS=soon: expected a number of seconds, such as 300" in said
    assert "Traceback" not in said
