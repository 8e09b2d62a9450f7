"""Stored targets, found by example: from all shards of one kind to the tensors of one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from potstill.errors import ArtefactError
from potstill.models.batch import Batch
from potstill.targets.layout import GENERATIONS, HIDDEN, INDEX, LABEL_LOGITS, TOKENS, layer_name
from potstill.targets.shards import Shards, open_shards

TOKEN_ARRAYS = ("ids", "logprobs", "lse", "tail_logmass", "entropy", "answer_ids")


@dataclass(frozen=True)
class LabelLogitTargets:
    """`logits` [M, C] float32 of all stored examples, `mean` [C] already subtracted (0 when not centred)."""

    shards: Shards
    logits: Tensor
    mean: Tensor

    def for_batch(self, batch: Batch) -> Tensor:
        """[B, C] float32."""
        return self.logits[self.shards.find(batch.example_ids)]


@dataclass(frozen=True)
class TokenLogitTargets:
    """The stored top-K distributions of all answer positions; `targets/token_logits.py` defines each array."""

    shards: Shards
    arrays: Mapping[str, Tensor]
    offsets: np.ndarray
    counts: np.ndarray
    by_index: bool

    def for_batch(self, batch: Batch) -> dict[str, Tensor]:
        """At the batch's N answer positions, in their order.

        `ids` [N, K] int64, `logprobs` [N, K] (log p at T = 1), `lse` and `tail_logmass` [N] at the reader's temperature,
        `entropy` [N], `valid` [N] bool. log p_T(i) = logprobs_i / T - lse. `valid` is False only when positions
        are matched by index and the teacher's answer has fewer tokens; the values there mean nothing.

        Raises:
            ArtefactError: an example is missing, or its stored answer tokens are not those of the batch.
        """
        stored = self.shards.find(batch.example_ids)
        wanted = torch.bincount(batch.positions[:, 0], minlength=len(stored)).tolist()
        rows, valid = [], []
        for example, (row, count) in enumerate(zip(stored, wanted, strict=True)):
            offset, available = int(self.offsets[row]), int(self.counts[row])
            shared = min(count, available)
            if not self.by_index:
                self._check_tokens(batch, example, offset, count, available)
            rows += [offset + j for j in range(shared)] + [0] * (count - shared)
            valid += [True] * shared + [False] * (count - shared)
        picked = torch.tensor(rows, dtype=torch.int64)
        targets = {name: array[picked] for name, array in self.arrays.items() if name != "answer_ids"}
        return {**targets, "ids": targets["ids"].long(), "valid": torch.tensor(valid, dtype=torch.bool)}

    def _check_tokens(self, batch: Batch, example: int, offset: int, count: int, available: int) -> None:
        found = self.arrays["answer_ids"][offset : offset + available].tolist()
        expected = batch.answer_ids[batch.positions[:, 0] == example].tolist()
        if count and found != expected:
            raise ArtefactError(
                f"{self.shards.paths[0].parent}: example {batch.example_ids[example]} was captured for answer tokens "
                f"{found}, the student is taught {expected}. Positions must be the same: teach the gold answers with "
                f"the teacher's tokenizer, or use alignment: uld."
            )


@dataclass(frozen=True)
class GenerationTargets:
    """The teacher's answers: example id -> text, and whether it ended itself."""

    shards: Shards
    text: Mapping[str, str]
    finished: Mapping[str, bool]


@dataclass(frozen=True)
class HiddenStateTargets:
    """Stored hidden states: layer -> [N, d] float16 or float32, rows as the index has them."""

    shards: Shards
    states: Mapping[int, Tensor]
    offsets: np.ndarray
    counts: np.ndarray
    pooled: bool

    def for_batch(self, batch: Batch) -> dict[int, Tensor]:
        """layer -> [B, d] float32 when pooled; otherwise [B, L, d], zero where the batch is padded.

        Raises:
            ArtefactError: an example is missing, or has another number of positions than in the batch.
        """
        stored = self.shards.find(batch.example_ids)
        if self.pooled:
            picked = torch.from_numpy(self.offsets[stored])
            return {layer: states[picked].float() for layer, states in self.states.items()}
        lengths = batch.attention_mask.sum(1).tolist()
        for example_id, row, length in zip(batch.example_ids, stored, lengths, strict=True):
            if self.counts[row] != length:
                raise ArtefactError(
                    f"{self.shards.paths[0].parent}: example {example_id} has {self.counts[row]} stored positions, the "
                    f"student reads {length}. Use the teacher's tokenizer and lengths, or pooling: last or mean."
                )
        return {layer: self._padded(states, stored, batch) for layer, states in self.states.items()}

    def _padded(self, states: Tensor, stored: list[int], batch: Batch) -> Tensor:
        padded = torch.zeros(*batch.input_ids.shape, states.shape[1])
        for example, row in enumerate(stored):
            offset, count = int(self.offsets[row]), int(self.counts[row])
            padded[example, :count] = states[offset : offset + count].float()
        return padded


def read_label_logits(shards: Sequence[Path], *, centre: bool) -> LabelLogitTargets:
    """The teacher's label logits.

    Args:
        shards: folders of all shards.
        centre: subtract the mean over the transfer split (train where there is none) from each row: the teacher's
            preference for one answer word goes, and no label is needed to know it.

    Raises:
        ArtefactError: as `open_shards`.
    """
    found, tables = open_shards(shards, "label_logits", LABEL_LOGITS)
    logits = torch.from_numpy(np.stack([np.asarray(row, dtype=np.float32) for row in tables["logits"]]))
    mean = torch.zeros(logits.shape[1])
    if centre:
        split = "transfer" if "transfer" in found.splits else "train"
        mean = logits[[row for row, name in enumerate(found.splits) if name == split]].double().mean(0).float()
    return LabelLogitTargets(found, logits - mean, mean)


def read_token_logits(
    shards: Sequence[Path], temperature: float, *, tokenizer: str | None = None, by_index: bool = False
) -> TokenLogitTargets:
    """The teacher's next-token distributions, with the log-sum-exp and the tail of one temperature.

    Args:
        shards: folders of all shards.
        temperature: one of those that were stored.
        tokenizer: the student's fingerprint; must be the teacher's unless `by_index`.
        by_index: match positions by their number in the answer, up to the shorter one, and do not compare tokens
            (universal logit distillation, where tokenizers differ).

    Raises:
        ArtefactError: as `open_shards`; another tokenizer; a temperature that was not stored.
    """
    found, tables = open_shards(shards, "token_logits", INDEX)
    if not by_index:
        found.require_tokenizer(tokenizer)
    temperatures = found.target["temperatures"]
    if temperature not in temperatures:
        raise ArtefactError(
            f"{found.paths[0]}: no log-sum-exp for temperature {temperature:g}, only for "
            f"{', '.join(f'{t:g}' for t in temperatures)}. Add it to the temperatures of the targets."
        )
    parts = [_tensors(path / TOKENS, TOKEN_ARRAYS) for path in found.paths]
    arrays = {name: torch.cat([part[name] for part in parts]) for name in TOKEN_ARRAYS}
    for name in ("lse", "tail_logmass"):
        arrays[name] = arrays[name][:, temperatures.index(temperature)]
    offsets = found.offsets(tables["offset"], [len(part["ids"]) for part in parts])
    return TokenLogitTargets(found, arrays, offsets, np.array(tables["n_tokens"]), by_index)


def read_generations(shards: Sequence[Path]) -> GenerationTargets:
    """The teacher's answers.

    Raises:
        ArtefactError: as `open_shards`.
    """
    found, tables = open_shards(shards, "generations", GENERATIONS)
    return GenerationTargets(
        found,
        text=dict(zip(found.rows, tables["text"], strict=True)),
        finished=dict(zip(found.rows, tables["finished"], strict=True)),
    )


def read_hidden_states(
    shards: Sequence[Path], layers: Sequence[int] | None = None, *, tokenizer: str | None = None
) -> HiddenStateTargets:
    """The teacher's hidden states of `layers` (default: all that are stored).

    Args:
        shards: folders of all shards.
        layers: 0 the embedding's output, n the output of layer n.
        tokenizer: the student's fingerprint, compared with the teacher's where states are stored at each position.

    Raises:
        ArtefactError: as `open_shards`; a layer that was not stored; another tokenizer.
    """
    found, tables = open_shards(shards, "hidden_states", INDEX)
    pooled = found.target["pooling"] != "tokens"
    if not pooled:
        found.require_tokenizer(tokenizer)
    with safe_open(found.paths[0] / HIDDEN, framework="pt") as stored:
        available = sorted(int(name.rpartition("_")[2]) for name in stored.keys())  # noqa: SIM118
    layers = available if layers is None else layers
    if not set(layers) <= set(available):
        missing = sorted(set(layers) - set(available))
        raise ArtefactError(f"{found.paths[0]}: no layers {missing}, only {available}. Add them to hidden_layers.")
    names = [layer_name(layer) for layer in layers]
    parts = [_tensors(path / HIDDEN, names) for path in found.paths]
    states = {layer: torch.cat([part[layer_name(layer)] for part in parts]) for layer in layers}
    offsets = found.offsets(tables["offset"], [len(part[names[0]]) for part in parts])
    return HiddenStateTargets(found, states, offsets, np.array(tables["n_tokens"]), pooled)


def _tensors(path: Path, names: Sequence[str]) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as stored:
        return {name: stored.get_tensor(name) for name in names}
