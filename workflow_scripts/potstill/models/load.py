"""From a stored model directory to the tokenizer and the model that a stage uses."""

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from potstill.artefacts import canonical_json
from potstill.errors import DataError
from potstill.models.device import DTYPES
from potstill.models.directory import check_artefact, check_model_directory, model_directory
from potstill.models.layers import chosen_layers, keep_layers, resized_config
from potstill.models.randomness import seeded
from potstill.models.task_model import TaskModel
from potstill.plan.specs.model import Derivation, ModelView, Precision
from potstill.plan.specs.task import TaskView
from potstill.progress import say

# Loading announces a fresh classification head as if it were a fault; what matters is checked and raised below.
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# Weights that a stored model may lack: the classification head, and BERT's pooler in front of it.
HEADS = ("classifier", "score", "pre_classifier", "pooler", "head")


def load_tokenizer(directory: Path, view: ModelView) -> PreTrainedTokenizerBase:
    """The tokenizer of a model directory (or of a run's student). It can always pad: with end-of-sequence if need be.

    Raises:
        DataError: no tokenizer, or a directory that cannot be used; see `check_model_directory`.
    """
    check_artefact(Path(directory))
    folder = model_directory(Path(directory))
    check_model_directory(folder, view)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=view.trust_remote_code, use_fast=True
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise DataError(f"{folder}: its tokenizer cannot be loaded: {_first_line(error)}") from None
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise DataError(f"{folder}: the tokenizer has neither a padding nor an end-of-sequence token")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 over vocabulary, merges and the special tokens that stand in sequences (first 16 hex digits).

    Equal fingerprints mean that token ids mean the same. The padding token is left out: it is never predicted, and a
    tokenizer without one gets one when it is loaded.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    merges = json.loads(backend.to_str())["model"].get("merges") if backend is not None else None
    special = {name: getattr(tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "unk", "cls", "sep")}
    content = canonical_json({"vocabulary": tokenizer.get_vocab(), "merges": merges, "special": special})
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def load_task_model(
    directory: Path,
    view: ModelView,
    task: TaskView,
    tokenizer: PreTrainedTokenizerBase,
    *,
    device: torch.device,
    precision: Precision,
    seed: int,
) -> TaskModel:
    """The model of `directory` on `device`, in evaluation mode, derived as `view` says.

    Args:
        directory: a model directory, or a training run, of which the student is taken.
        precision: number format of the weights. To train in mixed precision load fp32 and compute under
            `device.autocast`.
        seed: what new weights (a classification head, a `random` derivation) are drawn from.

    Raises:
        DataError: a directory that cannot be used; see `check_model_directory`.
        ConfigError: a derivation that this model does not allow.
        ArtefactError: the directory is an artefact and its bytes are not what was written.
    """
    directory = Path(directory)
    check_artefact(directory)
    folder = model_directory(directory)
    check_model_directory(folder, view)
    config = _config(folder, view, task)
    derive = view.derive or Derivation()
    keep = chosen_layers(derive, config.num_hidden_layers)
    if derive.random:
        config = resized_config(config, derive)
    with seeded(seed, "initial weights"):
        if derive.random:
            model = _auto_class(view).from_config(
                config, dtype=DTYPES[precision], trust_remote_code=view.trust_remote_code
            )
        else:
            model = _from_pretrained(folder, config, view, device, precision)
    _check_sizes(model, tokenizer, task, folder)
    if keep is not None:
        keep_layers(model, keep)
    if not getattr(model, "is_quantized", False):
        model.to(device)
    return TaskModel(model, view.architecture, task).eval()


def _config(folder: Path, view: ModelView, task: TaskView) -> PreTrainedConfig:
    extra: dict[str, Any] = {}
    if view.architecture == "encoder":
        if task.kind != "classification":
            raise DataError(f"{folder}: an encoder cannot answer a task of kind {task.kind}. Use a decoder.")
        names = [word.strip() for word in task.verbalizers]
        extra = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    try:
        return AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=view.trust_remote_code, **extra
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}/config.json: {_first_line(error)}") from None


def _from_pretrained(
    folder: Path, config: PreTrainedConfig, view: ModelView, device: torch.device, precision: Precision
) -> PreTrainedModel:
    options: dict[str, Any] = {}
    if view.load_in_8bit:
        if device.type == "cuda" and importlib.util.find_spec("bitsandbytes"):
            options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
        else:
            why = "bitsandbytes is not installed" if device.type == "cuda" else f"the device is {device.type}, not cuda"
            say(f"note: load_in_8bit has no effect here ({why}); weights stay {precision}")
    if device.type == "cuda":
        options["device_map"] = {"": str(device)}  # straight to the GPU: a large teacher need not fit in main memory
    try:
        model, info = _auto_class(view).from_pretrained(
            folder,
            config=config,
            dtype=DTYPES[precision],
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=view.trust_remote_code,
            output_loading_info=True,
            **options,
        )
    except SafetensorError as error:
        raise DataError(f"{folder}: its safetensors weights are damaged or cut off: {error}") from None
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{folder}: its weights cannot be loaded: {_first_line(error)}") from None
    missing = sorted(key for key in info["missing_keys"] if not set(key.split(".")) & set(HEADS))
    if missing or (info.get("mismatched_keys") and view.architecture == "decoder"):
        wrong = [*missing, *map(str, info.get("mismatched_keys", []))]
        raise DataError(
            f"{folder}: {len(wrong)} weights that {config.model_type} needs are missing, such as {wrong[0]}"
        )
    return model


def _check_sizes(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: TaskView, folder: Path) -> None:
    rows = cast(nn.Embedding, model.get_input_embeddings()).num_embeddings
    highest = max(tokenizer.get_vocab().values())
    if highest >= rows:
        raise DataError(f"{folder}: the tokenizer has ids up to {highest}, the model's embedding only {rows} rows")
    room = getattr(model.config, "max_position_embeddings", None)
    answer = 0 if task.kind == "classification" else task.max_answer_tokens
    if room is not None and task.max_input_tokens + answer > room:
        raise DataError(
            f"{folder}: the model reads at most {room} tokens, but the task has max_input_tokens: "
            f"{task.max_input_tokens} and answers of up to {answer}. Lower them in config/tasks.yaml."
        )


def _auto_class(view: ModelView) -> Any:
    return AutoModelForSequenceClassification if view.architecture == "encoder" else AutoModelForCausalLM


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
