"""Targets of kind `token_logits`: the top K of the teacher's next-token distribution where an answer token is
predicted.

What is stored, for one position with raw logits x over the vocabulary of size V and z = x - logsumexp(x), which is
log p at T = 1:

    ids            the K tokens with the largest z, descending
    logprobs       their z
    lse            for each stored temperature T: log sum_v exp(z_v / T), over all V (so 0 at T = 1)
    tail_logmass   for each stored temperature T: log of the probability at T of the V - K tokens that are not stored;
                   -inf when K = V
    entropy        -sum_v exp(z_v) z_v, over all V, in nats
    answer_ids     the token that was predicted there: what a reader's tokens are compared with

From these log p_T(i) = z_i / T - lse_T is exact for each of the K tokens at each stored T. It is the softmax of x / T,
because a softmax does not see the constant that z and x differ by. Everything is float32.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor

from potstill.errors import ConfigError
from potstill.models.batch import Encoded
from potstill.models.encode import collate
from potstill.models.finished_batches import Row
from potstill.models.task_model import TaskModel
from potstill.plan.specs.targets import TokenLogits
from potstill.targets.index import write_index
from potstill.targets.layout import TOKENS

# Positions whose full-vocabulary log-probabilities are alive at once.
CHUNK = 256


class Rows(NamedTuple):
    """The stored arrays of n positions; the field names are the tensors' names in the file."""

    ids: np.ndarray  # [n, K] int32
    logprobs: np.ndarray  # [n, K] float32
    lse: np.ndarray  # [n, n_T] float32
    tail_logmass: np.ndarray  # [n, n_T] float32
    entropy: np.ndarray  # [n] float32
    answer_ids: np.ndarray  # [n] int32


def prepare(task_model: TaskModel, items: Sequence[Encoded], target: Any) -> list[Encoded]:
    """What the teacher is shown: prompts and gold answers (teacher forcing).

    Raises:
        ConfigError: the teacher is an encoder, which has no next token.
    """
    if task_model.architecture == "encoder":
        raise ConfigError("token_logits need a decoder as teacher: an encoder has no next-token distribution")
    return list(items)


def capture(task_model: TaskModel, tokenizer: Any, items: Sequence[Encoded], target: TokenLogits) -> list[Row]:
    """The arrays of `Rows` at each item's answer positions; none for an example without answer."""
    batch = collate(items, tokenizer.pad_token_id).to(task_model.device)
    rows = compress(task_model(batch).token_logits, batch.answer_ids, target)
    ends = np.cumsum([len(item.answer_ids) for item in items])[:-1]
    return [Rows(*parts)._asdict() for parts in zip(*(np.split(array, ends) for array in rows), strict=True)]


def compress(logits: Tensor, answer_ids: Tensor, target: TokenLogits) -> Rows:
    """What is stored of logits [n, V]."""
    chunks = [_compress(part, target) for part in logits.split(CHUNK)]
    arrays = [torch.cat(parts) for parts in zip(*chunks, strict=True)]
    return Rows(*(array.cpu().numpy() for array in (*arrays, answer_ids.to(torch.int32))))


def _compress(logits: Tensor, target: TokenLogits) -> tuple[Tensor, ...]:
    z = torch.log_softmax(logits.float(), dim=-1)
    logprobs, ids = z.topk(min(target.top_k, z.shape[-1]), dim=-1)
    lse = torch.stack([torch.logsumexp(z / temperature, dim=-1) for temperature in target.temperatures], dim=-1)
    # Summed where it is: 1 - (sum of the head) would lose a small tail to rounding.
    others = z.scatter(-1, ids, -torch.inf)
    tails = [torch.logsumexp(others / temperature, dim=-1) for temperature in target.temperatures]
    # z exp(z) at z = -inf, a token that cannot be drawn, is 0.
    entropy = -torch.where(z == -torch.inf, 0.0, z.exp() * z).sum(-1)
    return ids.to(torch.int32), logprobs, lse, torch.stack(tails, dim=-1) - lse, entropy


def write(directory: Path, example_ids: list[str], splits: list[str], rows: list[Row], target: TokenLogits) -> None:
    """An index table and one safetensors file."""
    write_index(directory, example_ids, splits, [len(row["ids"]) for row in rows])
    tensors = {name: np.concatenate([row[name] for row in rows]) for name in Rows._fields}
    save_file(tensors, directory / TOKENS)
