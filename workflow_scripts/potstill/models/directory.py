"""A stored model directory: what it holds, and every reason why it cannot be used, before any weight is read."""

import functools
import json
from pathlib import Path
from typing import Any

from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from potstill import artefacts
from potstill.errors import DataError
from potstill.plan.specs.model import ModelView

STUDENT = "student"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


def model_directory(directory: Path) -> Path:
    """The Hugging Face directory: `directory` itself, or the `student` in it when it is a training run."""
    return directory / STUDENT if (directory / STUDENT).is_dir() else directory


@functools.lru_cache(maxsize=16)
def check_artefact(directory: Path) -> None:
    """Verify a finished artefact's bytes, once a process; a plain directory without manifest passes."""
    if artefacts.is_finished(directory):
        artefacts.verify(directory)


def check_model_directory(directory: Path, view: ModelView) -> dict[str, Any]:
    """The parsed `config.json` of a directory that can be loaded.

    Raises:
        DataError: missing, no or broken `config.json`, pickled weights only, code of its own that is not allowed to
            run, an architecture unknown to transformers, or an encoder where a decoder is expected and the other way
            round.
    """
    config = _read_config(directory)
    names = sorted(path.name for path in directory.iterdir())
    if not any(name.endswith(".safetensors") for name in names):
        pickled = [name for name in names if name.endswith(PICKLES)]
        found = (
            f"only pickled weights ({', '.join(pickled)}), which can run code when read" if pickled else "no weights"
        )
        raise DataError(
            f"{directory}: {found}. Potstill reads safetensors: convert the model, or take another revision."
        )
    if view.trust_remote_code:
        return config
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING_NAMES:
        if "auto_map" in config:
            raise DataError(
                f"{directory}: model_type {kind!r} comes with Python code of its own, which Potstill does not run. "
                f"If you trust it, set trust_remote_code: true for this model in config/models.yaml."
            )
        raise DataError(f"{directory}/config.json: model_type {kind!r} is unknown to the installed transformers")
    found = "encoder" if kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not config.get("is_decoder") else "decoder"
    if found == "decoder" and kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise DataError(f"{directory}/config.json: model_type {kind!r} is neither a BERT-like encoder nor a decoder")
    if found != view.architecture:
        raise DataError(
            f"{directory}/config.json: model_type {kind!r} is a model of architecture {found}, "
            f"but config/models.yaml says architecture: {view.architecture}"
        )
    return config


def _read_config(directory: Path) -> dict[str, Any]:
    if not directory.is_dir():
        raise DataError(f"{directory}: no such directory; a model directory was expected")
    path = directory / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: missing, so this is no model directory of Hugging Face transformers") from None
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    if not isinstance(config, dict):
        raise DataError(f"{path}: a JSON object was expected, found {type(config).__name__}")
    return config
