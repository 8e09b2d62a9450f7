"""Small real files for the tests of sources: a model directory and a wheel."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nLicense: MIT\n\nText"


def model_directory(folder: Path) -> Path:
    """A directory that passes for a model, with more in it than belongs to one."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"weight": np.arange(6, dtype=np.float32).reshape(2, 3)}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 3}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "vocab.txt").write_text("a\nb\nc\n")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04pickle")
    (folder / "modeling_own.py").write_text("raise SystemExit('run')")
    (folder / "notes.txt").write_text("private notes")
    (folder / "onnx").mkdir(exist_ok=True)
    (folder / "onnx" / "model.safetensors").write_bytes(b"other")
    return folder


MODEL_FILES = {"model.safetensors", "config.json", "tokenizer.json", "vocab.txt", "README.md"}


def wheel(folder: Path, files: dict[str, bytes], name: str = "tiny_model-1.0-py3-none-any.whl") -> str:
    """Write a wheel with these files; returns its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr("tiny_model-1.0.dist-info/METADATA", METADATA)
        archive.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


def wheel_of_model(folder: Path, scratch: Path) -> str:
    """A wheel that holds `model_directory` as `tiny_model/model`; returns its SHA-256."""
    source = model_directory(scratch)
    files = {f"tiny_model/model/{p.relative_to(source)}": p.read_bytes() for p in source.rglob("*") if p.is_file()}
    return wheel(folder, {**files, "tiny_model/__init__.py": b""})
