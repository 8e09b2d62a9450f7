"""Targets of kind `hidden_states`: chosen layers' states, pooled to one per example or at each position.

Layer 0 is the embedding's output, n the output of layer n, the deepest one after the final norm, as Hugging Face
numbers them. Stored in float16; a layer with values beyond float16 (some models have such outliers) in float32.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from potstill.models.batch import Encoded
from potstill.models.encode import collate, prompt_only
from potstill.models.finished_batches import Row
from potstill.models.layers import cut_after
from potstill.models.task_model import TaskModel
from potstill.plan.specs.targets import HiddenStates
from potstill.targets.index import write_index
from potstill.targets.layout import HIDDEN, layer_name


def prepare(task_model: TaskModel, items: Sequence[Encoded], target: HiddenStates) -> list[Encoded]:
    """What the teacher is shown: the prompts alone where states are pooled, answers too where each position is stored.

    The teacher is cut after the deepest layer that is stored, in place.
    """
    if target.layers is not None:
        cut_after(task_model.model, max(target.layers))
    return list(items) if target.pooling == "tokens" else [prompt_only(item) for item in items]


def capture(task_model: TaskModel, tokenizer: Any, items: Sequence[Encoded], target: HiddenStates) -> list[Row]:
    """The states of each item, `layer_<i>` [n, d] float32: one row when pooled, otherwise one a position, padding left out."""
    batch = collate(items, tokenizer.pad_token_id).to(task_model.device)
    hidden = task_model.hidden_states(batch)
    layers = range(len(hidden)) if target.layers is None else target.layers
    pooled = {
        layer_name(layer): task_model.pool(hidden[layer].float(), batch, target.pooling).cpu().numpy()
        for layer in layers
    }
    if target.pooling == "tokens":
        return [
            {name: states[row, : len(item.input_ids)] for name, states in pooled.items()}
            for row, item in enumerate(items)
        ]
    return [{name: states[row : row + 1] for name, states in pooled.items()} for row in range(len(items))]


def write(directory: Path, example_ids: list[str], splits: list[str], rows: list[Row], target: HiddenStates) -> None:
    """An index table and one safetensors file with one tensor [N, d] a layer."""
    write_index(directory, example_ids, splits, [len(next(iter(row.values()))) for row in rows])
    tensors = {name: _narrow(np.concatenate([row[name] for row in rows])) for name in rows[0]}
    save_file(tensors, directory / HIDDEN)


def _narrow(states: np.ndarray) -> np.ndarray:
    return states if np.abs(states).max() > np.finfo(np.float16).max else states.astype(np.float16)
