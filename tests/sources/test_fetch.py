"""Wheels and local files become verified artefacts; whatever is wrong is one message, and nothing is left behind."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from potstill import artefacts
from potstill.digest import path_digest
from potstill.errors import DataError
from potstill.plan.specs.source import LocalSource, WheelSource
from potstill.sources import dataset, model, wheel
from potstill.sources.fetch import load_environment, located
from potstill.sources.located import Located
from source_files import MODEL_FILES, model_directory, wheel_of_model
from source_files import wheel as make_wheel

SCRIPTS = Path(artefacts.__file__).parent.parent


def run(
    script: str, spec: dict[str, Any], output: Path, inputs: dict[str, str] | None = None, **environment: str
) -> Any:
    command = [sys.executable, str(SCRIPTS / script), "--spec", json.dumps(spec), "--inputs", json.dumps(inputs or {})]
    command += ["--output", str(output)]
    variables = {key: value for key, value in os.environ.items() if key not in ("HF_TOKEN", "POTSTILL_WHEELS")}
    return subprocess.run(
        command, capture_output=True, text=True, env=variables | environment, cwd=output.parent.parent
    )


def test_a_model_from_a_wheel(tmp_path: Path) -> None:
    sha256 = wheel_of_model(tmp_path / "wheels", tmp_path / "source")
    source = {"wheel": "tiny.model", "version": "1.0", "sha256": sha256, "path": "tiny_model/model"}
    output = tmp_path / "assets" / "m"
    done = run("fetch_model.py", {"source": source}, output, POTSTILL_WHEELS=str(tmp_path / "wheels"))
    assert done.returncode == 0, done.stderr
    manifest = artefacts.verify(output)
    assert set(manifest["files"]) == MODEL_FILES  # no pickle, no Python, no subfolder
    assert manifest["origin"] == {**source}
    assert (manifest["revision"], manifest["licence"]) == ("1.0", "MIT")
    assert (output / "model.safetensors").read_bytes() == (tmp_path / "source" / "model.safetensors").read_bytes()
    assert os.listdir(tmp_path / "assets") == ["m"]


def test_pip_downloads_with_the_users_own_configuration(tmp_path: Path) -> None:
    """PIP_NO_INDEX and PIP_FIND_LINKS are such: pip itself finds the wheel in a folder, without a network."""
    sha256 = wheel_of_model(tmp_path / "links", tmp_path / "source")
    source = {"wheel": "tiny-model", "version": "1.0", "sha256": sha256, "path": "tiny_model/model/vocab.txt"}
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "links")}
    done = run("fetch_dataset.py", {"source": source, "files": ["."]}, tmp_path / "assets" / "d", **pip)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "assets" / "d" / "vocab.txt").read_text() == "a\nb\nc\n"
    missing = {**source, "version": "2.0"}
    done = run("fetch_dataset.py", {"source": missing, "files": ["."]}, tmp_path / "assets" / "e", **pip)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "fetch dataset | error: tiny-model==2.0: pip cannot download it: Could not find a version"
    )
    assert "POTSTILL_WHEELS" in done.stderr
    assert os.listdir(tmp_path / "assets") == ["d"]


def test_local_files_and_a_local_model(tmp_path: Path) -> None:
    data = tmp_path / "my data"
    (data / "sub").mkdir(parents=True)
    (data / "train.jsonl").write_text("1")
    (data / "sub" / "test.jsonl").write_text("2")
    spec = {"source": {"path": "my data", "sha256": path_digest(data)}, "files": ["train.jsonl", "sub/test.jsonl"]}
    done = run("fetch_dataset.py", spec, tmp_path / "assets" / "d", {"path": str(data)})
    assert done.returncode == 0, done.stderr
    assert set(artefacts.verify(tmp_path / "assets" / "d")["files"]) == {"train.jsonl", "sub/test.jsonl"}
    # A copy: what the user does to the file later does not reach the artefact.
    (data / "train.jsonl").write_text("changed")
    artefacts.verify(tmp_path / "assets" / "d")
    done = run("fetch_dataset.py", spec, tmp_path / "assets" / "e", {"path": str(data)})
    assert "its content changed while the workflow ran" in done.stderr
    folder = model_directory(tmp_path / "mine")
    done = run("fetch_model.py", {"source": {"path": "mine"}}, tmp_path / "assets" / "m", {"path": str(folder)})
    assert done.returncode == 0, done.stderr
    manifest = artefacts.verify(tmp_path / "assets" / "m")
    assert set(manifest["files"]) == MODEL_FILES
    assert manifest["licence"] == "apache-2.0"


WHEEL = {"tiny_model/data/train.csv": b"a", "tiny_model/data/test.csv": b"b"}


def source(sha256: str, path: str = "tiny_model/data", **changes: str) -> WheelSource:
    fields = {"wheel": "tiny-model", "version": "1.0", "sha256": sha256, "path": path, **changes}
    return WheelSource.parse(fields)


def test_a_wheel_with_other_bytes_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path / "wheels", WHEEL)
    monkeypatch.setenv("POTSTILL_WHEELS", str(tmp_path / "wheels"))
    monkeypatch.setattr(wheel.zipfile, "ZipFile", lambda *_: pytest.fail("opened"))
    with pytest.raises(DataError, match=r"expected SHA-256 0{64}, but tiny_model-1\.0.*has [0-9a-f]{64}.*not opened"):
        wheel.locate_wheel(source("0" * 64), tmp_path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tiny_model/dta", r"holds no 'tiny_model/dta'; did you mean tiny_model/data"),
        ("tiny_model/data/train.cvs", r"did you mean tiny_model/data/train\.csv"),
        ("", "holds no ''"),
    ],
)
def test_a_path_that_the_wheel_does_not_hold(tmp_path: Path, monkeypatch: Any, path: str, message: str) -> None:
    sha256 = make_wheel(tmp_path / "wheels", WHEEL)
    monkeypatch.setenv("POTSTILL_WHEELS", str(tmp_path / "wheels"))
    with pytest.raises(DataError, match=message):
        wheel.locate_wheel(source(sha256, path), tmp_path)


@pytest.mark.parametrize("name", ["tiny_model/data/../../../evil", "tiny_model/data//etc/evil"])
def test_an_entry_cannot_leave_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    sha256 = make_wheel(tmp_path / "wheels", {**WHEEL, name: b"evil"})
    monkeypatch.setenv("POTSTILL_WHEELS", str(tmp_path / "wheels"))
    with pytest.raises(DataError, match="leads out of its folder"):
        wheel.locate_wheel(source(sha256), tmp_path / "scratch")
    assert not list(tmp_path.rglob("*evil*"))


def test_what_is_no_zip_and_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POTSTILL_WHEELS", str(tmp_path))
    path = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    path.write_bytes(b"not a zip")
    with pytest.raises(DataError, match="not a readable wheel"):
        wheel.locate_wheel(source(hashlib.sha256(b"not a zip").hexdigest()), tmp_path)
    monkeypatch.setenv("POTSTILL_WHEELS", str(tmp_path / "none"))
    with pytest.raises(DataError, match="no such folder; unset it"):
        wheel.locate_wheel(source("0" * 64), tmp_path)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("/usr/bin/python: No module named pip", "has no pip to download it"),
        ("WARNING: x\nERROR: No matching distribution found for x", "pip cannot download it: No matching distribution"),
        ("ERROR: [Errno 28] No space left on device", "No space left on device"),
        ("ERROR: 403 for https://me:hunter2@index.example/simple", r"https://\*\*\*@index\.example"),
        ("", "nothing"),
    ],
)
def test_pips_failures_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, message: str) -> None:
    monkeypatch.delenv("POTSTILL_WHEELS", raising=False)
    failed = subprocess.CompletedProcess([], 1, "", output)
    monkeypatch.setattr(wheel.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(DataError, match=message) as caught:
        wheel.locate_wheel(source("0" * 64), tmp_path)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def damage(folder: Path, how: str) -> None:
    match how:
        case "no config":
            (folder / "config.json").unlink()
        case "adapter":
            (folder / "config.json").rename(folder / "adapter_config.json")
        case "config not json":
            (folder / "config.json").write_text("{")
        case "config no object":
            (folder / "config.json").write_text("[]")
        case "no model type":
            (folder / "config.json").write_text("{}")
        case "auto map":
            (folder / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoModel": "modeling_own.Own"}}')
        case "tokenizer auto map":
            (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["x.Own", null]}}')
        case "kernel":
            (folder / "config.json").write_text(
                '{"model_type": "bert", "_attn_implementation_internal": "evil/kernels"}'
            )
        case "nested kernel":
            nested = {
                "model_type": "bert",
                "text_config": {"attn_implementation": {"": "sdpa", "x": "evil/kernels:main"}},
            }
            (folder / "config.json").write_text(json.dumps(nested))
        case "part elsewhere":
            index = {"weight_map": {"a": "model.safetensors", "b": "../../elsewhere.safetensors"}}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
            (folder.parent.parent / "elsewhere.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
        case "pickle only":
            (folder / "model.safetensors").unlink()
        case "truncated":
            path = folder / "model.safetensors"
            path.write_bytes(path.read_bytes()[:-3])
        case "no header":
            (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
        case "missing part":
            index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model.safetensors"}}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        case "no tokenizer":
            (folder / "tokenizer.json").unlink()
            (folder / "vocab.txt").unlink()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no config", "no config.json, so this is not a model directory$"),
        ("adapter", "LoRA adapter: merge that"),
        ("config not json", "config.json is not JSON"),
        ("config no object", "config.json should hold an object, found list"),
        ("no model type", "no model_type"),
        ("auto map", "config.json has an auto_map.*trust_remote_code: true"),
        ("tokenizer auto map", "tokenizer_config.json has an auto_map"),
        ("kernel", r"asks for _attn_implementation_internal: evil/kernels: code of another repository"),
        ("nested kernel", r"asks for attn_implementation: evil/kernels:main: code of another repository"),
        ("part elsewhere", r"1 parts of the weights are missing, the first is \.\./\.\./elsewhere\.safetensors"),
        ("pickle only", r"no \.safetensors file \(found pytorch_model\.bin\)"),
        ("truncated", r"model\.safetensors is damaged or incomplete"),
        ("no header", r"model\.safetensors is damaged or incomplete"),
        ("missing part", r"1 parts of the weights are missing, the first is model-00001-of-00002\.safetensors"),
        ("no tokenizer", "no tokenizer; expected one of"),
    ],
)
def test_a_directory_that_cannot_be_used_as_a_model(tmp_path: Path, how: str, message: str) -> None:
    folder = model_directory(tmp_path / "mine")
    damage(folder, how)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=message) as caught:
        model.take_model(Located(folder, {}), False, tmp_path / "out")
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_code_comes_along_only_when_it_is_trusted(tmp_path: Path) -> None:
    folder = model_directory(tmp_path / "mine")
    damage(folder, "auto map")
    (tmp_path / "out").mkdir()
    model.take_model(Located(folder, {}), True, tmp_path / "out")
    assert set(os.listdir(tmp_path / "out")) == {*MODEL_FILES, "modeling_own.py"}


def test_code_that_nothing_asks_for_stays_behind(tmp_path: Path) -> None:
    """Many repositories hold Python files that no configuration names: the model is used without them."""
    folder = model_directory(tmp_path / "mine")
    assert list(folder.glob("*.py"))
    (tmp_path / "out").mkdir()
    model.take_model(Located(folder, {}), False, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.py"))


def test_an_ordinary_choice_of_attention_is_no_code(tmp_path: Path) -> None:
    folder = model_directory(tmp_path / "mine")
    (folder / "config.json").write_text('{"model_type": "bert", "_attn_implementation": "sdpa", "auto": "a/b"}')
    (tmp_path / "out").mkdir()
    model.take_model(Located(folder, {}), False, tmp_path / "out")


def test_a_file_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(DataError, match="a model is a folder, this is a file; for a GGUF file set format: gguf"):
        model.take_model(Located(tmp_path / "a.gguf", {}), False, tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("tran.csv",), r"which is not in the source; did you mean 'train\.csv'\?"),
        (("zzz",), r"there are: manifest\.json, sub/test\.csv, train\.csv"),
        (("../secret",), "which is not in the source"),
        (("/etc/passwd",), "which is not in the source"),
        (("sub",), "which is not in the source"),
        ((".",), "which is not in the source"),
        (("manifest.json",), "the artefact's manifest"),
    ],
)
def test_files_that_a_source_does_not_have(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    (tmp_path / "secret").write_text("s")
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    for name in ("train.csv", "sub/test.csv", "manifest.json"):
        (folder / name).write_text("x")
    with pytest.raises(DataError, match=message):
        dataset.take_files(Located(folder, {}), names, tmp_path / "out")


def test_a_source_of_one_file_goes_by_its_name_or_a_dot(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    for names in ((".",), ("a.csv",)):
        dataset.take_files(Located(tmp_path / "a.csv", {}), names, tmp_path / "out")
        assert os.listdir(tmp_path / "out") == ["a.csv"]
    with pytest.raises(DataError, match=r"names 'b\.csv', which is not in the source; did you mean 'a\.csv'"):
        dataset.take_files(Located(tmp_path / "a.csv", {}), ("b.csv",), tmp_path / "out")


def test_what_a_kill_leaves_goes_with_the_next_fetch(tmp_path: Path) -> None:
    """Unpacked wheels lie beside the artefact: gigabytes that nobody else would remove."""
    (tmp_path / "a.csv").write_text("x")
    left = tmp_path / f"assets/.data.{socket.gethostname()}.abc.tmp"
    left.mkdir(parents=True)
    source = LocalSource(path=str(tmp_path / "a.csv"))
    with located(source, tmp_path / "assets/data", None, "dataset", ()):
        assert not left.exists()
    assert not list((tmp_path / "assets").iterdir())


def test_an_environment_file_is_read_without_overriding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    load_environment()
    monkeypatch.setenv("POTSTILL_TEST_SET", "before")
    monkeypatch.setenv("POTSTILL_TEST_NEW", "to be removed again")
    monkeypatch.delenv("POTSTILL_TEST_NEW")
    (tmp_path / ".env").write_text("POTSTILL_TEST_SET=after\nPOTSTILL_TEST_NEW=new\n")
    load_environment()
    assert (os.environ.pop("POTSTILL_TEST_NEW"), os.environ["POTSTILL_TEST_SET"]) == ("new", "before")
    (tmp_path / ".env").write_bytes(b"HF_TOKEN=hf_secret\xff\n")
    with pytest.raises(DataError, match="cannot be read as UTF-8") as caught:
        load_environment()
    assert "secret" not in str(caught.value)
