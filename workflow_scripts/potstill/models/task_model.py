"""A Hugging Face model with a task: logits exactly where the task needs them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from potstill.errors import DataError
from potstill.models.batch import Batch, Encoded, Output
from potstill.models.randomness import generator
from potstill.plan.specs.model import Architecture
from potstill.plan.specs.targets import Pooling
from potstill.plan.specs.task import TaskView


@dataclass(frozen=True)
class Generated:
    """One generated answer: its text, the number of tokens (end-of-sequence included), and whether it ended itself."""

    text: str
    n_tokens: int
    finished: bool


class TaskModel(nn.Module):
    """A decoder that answers with words or an encoder with a classification head, behind one `forward`.

    Attributes:
        model: the Hugging Face model, ready to be saved; `model.config` is its configuration.
        architecture: encoder or decoder.
        task: what it is used for.
        is_sharded: whether its weights are spread over several processes (`models/sharding.py`).
    """

    def __init__(self, model: PreTrainedModel, architecture: Architecture, task: TaskView) -> None:
        super().__init__()
        self.model = model
        self.architecture = architecture
        self.task = task
        self.is_sharded = False
        self._adapters: list[Any] = []  # a list, so that peft's wrapper of the same weights is no submodule
        if architecture == "decoder":
            model.generation_config = _greedy(model)
            _check_head(self)

    @property
    def backbone(self) -> nn.Module:
        """The model without its head."""
        return self.model.base_model

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self.model.config.hidden_size

    @property
    def n_layers(self) -> int:
        """Number of layers; hidden states are numbered 0 (the embedding's output) to this."""
        return self.model.config.num_hidden_layers

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    def forward(self, batch: Batch, with_hidden: bool = False) -> Output:
        """Logits where the task needs them; see `Output`.

        A decoder's head is computed at the answer positions and, for a classification, at each prompt's last position:
        never at [B, L, V]. Whatever is padded, the result is the same.
        """
        if self.architecture == "encoder":
            out = self.model(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=with_hidden
            )
            return Output(label_logits=out.logits.float(), hidden=out.hidden_states if with_hidden else None)
        last_hidden, hidden = self._run_backbone(batch, with_hidden)
        states = last_hidden[batch.positions[:, 0], batch.positions[:, 1]]
        answers = len(states)
        if self.task.kind == "classification":
            # One call of the head for both: rows [0, N) answer positions, [N, N + B) the prompts' ends.
            states = torch.cat([states, last_hidden[torch.arange(len(batch.last), device=states.device), batch.last]])
        logits = self._head(states)
        labels = logits[answers:].gather(1, batch.choice_ids) if self.task.kind == "classification" else None
        return Output(labels, logits[:answers], hidden)

    def hidden_states(self, batch: Batch) -> tuple[Tensor, ...]:
        """[B, L, d] for each layer, 0 the embedding's output; no head is computed."""
        hidden = self._run_backbone(batch, True)[1]
        assert hidden is not None
        return hidden

    def pool(self, hidden: Tensor, batch: Batch, pooling: Pooling) -> Tensor:
        """One state per example, [B, d], of hidden states [B, L, d]; with `tokens` they stay as they are.

        `last` is a decoder's last prompt position and an encoder's class token; `mean` averages what the model was
        asked: a decoder's prompt, without the answer that it is taught, and an encoder's whole text.
        """
        if pooling == "tokens":
            return hidden
        if pooling == "last":
            return hidden[torch.arange(len(batch.last), device=hidden.device), batch.last]
        mask = batch.attention_mask
        if self.architecture == "decoder":
            mask = mask * (torch.arange(mask.shape[1], device=mask.device) <= batch.last[:, None])
        weights = mask[..., None].to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1)

    @torch.inference_mode()
    def generate(
        self,
        items: Sequence[Encoded],
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> list[Generated]:
        """Answers to the prompts of `items` (their own answers are not read), in their order, as one batch.

        Greedy at temperature 0. Otherwise the noise of each draw is a function of (seed, example id, position): the
        same answer whatever else is in the batch.
        """
        prompts = [item.input_ids[: item.answer_start + 1] for item in items]
        length = max(map(len, prompts))
        # Left padding: generation goes on at the right end. Positions follow the attention mask.
        padded = [[tokenizer.pad_token_id] * (length - len(ids)) + list(ids) for ids in prompts]
        mask = [[0] * (length - len(ids)) + [1] * len(ids) for ids in prompts]
        processors = LogitsProcessorList()
        if temperature > 0:
            processors += [TemperatureLogitsWarper(temperature), TopPLogitsWarper(top_p)]
            processors.append(_GumbelNoise([item.example_id for item in items], seed, length))
        ends = _end_ids(self.model, tokenizer)
        sequences = self.model.generate(  # type: ignore[operator]
            input_ids=torch.tensor(padded, device=self.device),
            attention_mask=torch.tensor(mask, device=self.device),
            logits_processor=processors,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=ends,
            pad_token_id=tokenizer.pad_token_id,
            synced_gpus=self.is_sharded,  # a process that is done helps the others to their end
        )
        return [_generated(row, ends, tokenizer) for row in sequences[:, length:].tolist()]

    def parameter_count(self, trainable: bool = False) -> int:
        """Number of weights, shared ones once; adapters included until they are merged."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not trainable)

    def fingerprint(self) -> str:
        """SHA-256 over all weights, adapters included: models that answer the same have the same."""
        digest = hashlib.sha256()
        for name, value in self.state_dict().items():
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def attach_adapters(self, peft_model: Any) -> None:
        """Remember peft's wrapper, whose adapters sit inside `model` already."""
        self._adapters = [peft_model]

    def merge_adapters(self) -> None:
        """Add the adapters to the weights, in place, and drop them; outputs stay the same."""
        for peft_model in self._adapters:
            self.model = peft_model.merge_and_unload()
        self._adapters = []

    def make_plain(self) -> None:
        """The model as it is saved, for good: adapters merged, weights in 8 bit dequantized."""
        self.merge_adapters()
        if getattr(self.model, "is_quantized", False):
            self.model = self.model.dequantize()

    def save(self, directory: Path, tokenizer: PreTrainedTokenizerBase) -> None:
        """Write a plain Hugging Face directory (safetensors and tokenizer); see `make_plain`."""
        self.make_plain()
        self.model.save_pretrained(directory)
        tokenizer.save_pretrained(directory)

    def _run_backbone(self, batch: Batch, with_hidden: bool) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        if self.architecture == "encoder":
            out = self.backbone(batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=with_hidden)
        else:
            # No mask: padding stands right of every real token, where causal attention never looks.
            out = self.backbone(batch.input_ids, output_hidden_states=with_hidden, use_cache=False)
        return out.last_hidden_state, out.hidden_states if with_hidden else None

    def _head(self, states: Tensor) -> Tensor:
        """Logits [N, V] in float32 of states [N, d], computed in the weights' own format even under autocast."""
        head = self.model.get_output_embeddings()
        config = self.model.config
        with torch.autocast(states.device.type, enabled=False):
            logits = head(states.to(head.weight.dtype)).float()
        # What some families do after their head: Cohere, Granite, Gemma 2.
        logits = (
            logits * (getattr(config, "logit_scale", None) or 1.0) / (getattr(config, "logits_scaling", None) or 1.0)
        )
        cap = getattr(config, "final_logit_softcapping", None)
        return cap * torch.tanh(logits / cap) if cap else logits


class _GumbelNoise(LogitsProcessor):
    """Turns arg max into a draw from softmax(scores) (the Gumbel-max trick), with noise of its own for each example."""

    def __init__(self, example_ids: Sequence[str], seed: int, prompt_length: int) -> None:
        self.example_ids = list(example_ids)
        self.seed = seed
        self.prompt_length = prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        step = input_ids.shape[1] - self.prompt_length
        uniform = torch.stack(
            [
                torch.rand(scores.shape[1], generator=generator(self.seed, "generate", example_id, step))
                for example_id in self.example_ids
            ]
        )
        tiny = torch.finfo(torch.float32).tiny
        return scores - torch.log(-torch.log(uniform.clamp_min(tiny))).to(scores)


def _greedy(model: PreTrainedModel) -> GenerationConfig:
    """Only what ends and pads a sequence is kept of a stored generation configuration: no sampling, no penalties."""
    stored = model.generation_config
    return GenerationConfig(
        bos_token_id=stored.bos_token_id, eos_token_id=stored.eos_token_id, pad_token_id=stored.pad_token_id
    )


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    stored = model.generation_config.eos_token_id
    ends = {tokenizer.eos_token_id, *(stored if isinstance(stored, list) else [stored])} - {None}
    return sorted(ends)


def _generated(tokens: list[int], ends: list[int], tokenizer: PreTrainedTokenizerBase) -> Generated:
    end = next((i for i, token in enumerate(tokens) if token in ends), None)
    text = str(tokenizer.decode(tokens if end is None else tokens[:end], skip_special_tokens=True))
    # An answer is one line: a model that was never fitted writes on, often with the next question.
    line = text.strip().partition("\n")[0].rstrip()
    return Generated(line, len(tokens) if end is None else end + 1, end is not None)


@torch.inference_mode()
def _check_head(task_model: TaskModel) -> None:
    """Compare the head at chosen positions with the model's own forward pass: some family may do more after its head.

    Raises:
        DataError: they differ, so this architecture's logits would be wrong.
    """
    model = task_model.model
    training = model.training
    model.eval()
    ids = torch.arange(4, device=model.device)[None] % model.config.vocab_size
    expected = model(input_ids=ids, use_cache=False).logits[0].float()
    found = task_model._head(model.base_model(input_ids=ids, use_cache=False).last_hidden_state[0])
    model.train(training)
    if not torch.allclose(found, expected, rtol=1e-2, atol=1e-2 * float(expected.abs().max())):
        raise DataError(f"{type(model).__name__}: its logits are not those of its output matrix; it cannot be used yet")
