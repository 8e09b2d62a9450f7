"""What a model directory is made of, and whether it can be used: safetensors, a configuration, a tokenizer."""

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from potstill.errors import DataError
from potstill.sources.hub import CARDS
from potstill.sources.located import Located

# Only these are taken over. Weights in pickle formats (.bin, .pt, .ckpt ...) can run code when they are read.
MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab.*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
)
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.tiktoken")


def model_patterns(trust_remote_code: bool) -> tuple[str, ...]:
    """Names of the files that a model directory consists of."""
    return (*MODEL_FILES, "*.py") if trust_remote_code else MODEL_FILES


def take_model(source: Located, trust_remote_code: bool, folder: Path) -> None:
    """Put the files of a model directory into `folder`; what does not belong to one is left out.

    Raises:
        DataError: the source is a file, or not a usable model directory (see `check_model`).
    """
    if not source.path.is_dir():
        raise DataError(f"{source.path}: a model is a folder, this is a file; for a GGUF file set format: gguf")
    patterns = (*model_patterns(trust_remote_code), *CARDS)
    files = source.files()
    for name, path in files.items():
        # In subfolders lie other formats of the weights.
        if "/" not in name and any(fnmatch(name, pattern) for pattern in patterns):
            source.take(path, folder / name)
    check_model(folder, trust_remote_code, named=str(source.path), seen=tuple(files))


def check_model(folder: Path, trust_remote_code: bool, named: str, seen: tuple[str, ...] = ()) -> None:
    """Refuse a directory that transformers could not load, or only by running code that came with it.

    Args:
        named: how messages call the directory.
        seen: names of all files of the source, to explain what is missing.

    Raises:
        DataError: no configuration, weights or tokenizer, a damaged one, or one that needs Python code of a repository.
    """
    if not (folder / "config.json").is_file():
        adapter = (
            "; it holds a LoRA adapter: merge that into its base model first" if "adapter_config.json" in seen else ""
        )
        raise DataError(f"{named}: no config.json, so this is not a model directory{adapter}")
    config = _json_object(folder / "config.json", named)
    if "model_type" not in config:
        raise DataError(f"{named}: config.json has no model_type, so no model class can be chosen")
    for name in ("config.json", "tokenizer_config.json"):
        if not trust_remote_code and (folder / name).is_file() and "auto_map" in _json_object(folder / name, named):
            raise DataError(
                f"{named}: {name} has an auto_map: the model needs Python code of its repository. If you trust that "
                "code, set trust_remote_code: true for this model in config/models.yaml; otherwise take another model"
            )
    if not trust_remote_code and (kernel := _kernel_of_another_repository(config)):
        raise DataError(
            f"{named}: config.json asks for {kernel}: code of another repository. Remove that key from a copy of the model and "
            "use `path:`, or take another model"
        )
    _check_weights(folder, named, seen)
    if not any(fnmatch(path.name, pattern) for path in folder.iterdir() for pattern in TOKENIZERS):
        raise DataError(f"{named}: no tokenizer; expected one of {', '.join(TOKENIZERS)} beside the weights")


def _kernel_of_another_repository(config: dict[str, Any]) -> str | None:
    """The entry by which transformers would fetch compute kernels from the Hub and run them (CVE-2026-4372 is one way)."""
    for key, value in config.items():
        chosen = value.values() if isinstance(value, dict) else [value]
        if key.strip("_").startswith(("attn_implementation", "experts_implementation")):
            for name in chosen:
                if "/" in str(name):
                    return f"{key}: {name}"
        elif isinstance(value, dict) and (found := _kernel_of_another_repository(value)):
            return found
    return None


def _check_weights(folder: Path, named: str, seen: tuple[str, ...]) -> None:
    """Every header parses and fits the file's length, and no part of sharded weights is missing."""
    from safetensors import SafetensorError, safe_open

    weights = sorted(folder.glob("*.safetensors"))
    for index in sorted(folder.glob("*.safetensors.index.json")):
        parts = _json_object(index, named).get("weight_map")
        if not isinstance(parts, dict):
            raise DataError(f"{named}: {index.name} has no weight_map")
        missing = sorted({str(part) for part in parts.values()} - {path.name for path in weights})
        if missing:
            raise DataError(f"{named}: {len(missing)} parts of the weights are missing, the first is {missing[0]}")
    if not weights:
        pickles = [name for name in seen if name.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl"))]
        found = f" (found {', '.join(pickles[:3])})" if pickles else ""
        raise DataError(
            f"{named}: no .safetensors file{found}. Pickle weights (.bin, .pt ...) are not read, since that can run "
            "code. Take a model or revision with safetensors, or convert it once where you trust it, and use `path:`"
        )
    for path in weights:
        try:
            with safe_open(path, framework="numpy") as tensors:
                empty = not list(tensors.keys())
        except (SafetensorError, OSError) as error:
            raise DataError(f"{named}: {path.name} is damaged or incomplete: {error}") from None
        if empty:
            raise DataError(f"{named}: {path.name} holds no tensors")


def _json_object(path: Path, named: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{named}: {path.name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise DataError(f"{named}: {path.name} should hold an object, found {type(value).__name__}")
    return value
