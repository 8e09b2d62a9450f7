"""What goes into a model and what comes out: the two records that training, targets and evaluation share."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Encoded:
    """One example in the tokens of one model.

    Attributes:
        input_ids: prompt (and, for a decoder that is taught or forced, the answer without its last token).
        label: class index, -1 when unlabelled or not a classification.
        answer_ids: the tokens to be predicted, end-of-sequence included for generative kinds; empty when there is none.
        answer_start: position in `input_ids` whose logits predict `answer_ids[0]`: the causal shift is done here, once.
            A decoder's prompt ends there; 0 (the class token, which its head reads) for an encoder.
        choice_ids: for a classification by a decoder, the first token of each verbalizer after this very prompt.
    """

    example_id: str
    input_ids: tuple[int, ...]
    label: int = -1
    answer_ids: tuple[int, ...] = ()
    answer_start: int = 0
    choice_ids: tuple[int, ...] = ()


@dataclass
class Batch:
    """Right-padded examples.

    `positions` [N, 2] lists (row, position) of every logit that predicts an answer token, row by row; `answer_ids` [N]
    holds the tokens to predict there. Only at these positions is the language-model head computed. `last` [B] is a
    decoder's last prompt position (0, the class token, for an encoder); for a classification by a decoder the label
    logits are its logits there for the tokens `choice_ids` [B, C], which is [B, 0] otherwise. `targets` holds what
    the method's loader attached: label tensors [B, ...], token tensors [N, ...].
    """

    example_ids: list[str]
    input_ids: Tensor  # [B, L] int64
    attention_mask: Tensor  # [B, L] int64
    labels: Tensor  # [B] int64, -1: none
    positions: Tensor  # [N, 2] int64
    answer_ids: Tensor  # [N] int64
    last: Tensor  # [B] int64
    choice_ids: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.int64))  # [B, C] int64
    targets: dict[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        moved = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        targets = {k: v.to(device) for k, v in self.targets.items()}
        return Batch(example_ids=self.example_ids, targets=targets, **moved)


@dataclass
class Output:
    """What a model says about a batch. Logits are float32 whatever the model computes in.

    `label_logits` [B, C] for classification (an encoder's head, or a decoder's logits of the verbalizers' first
    tokens at `last`); `token_logits` [N, V] at the batch's answer positions (decoders); `hidden` the hidden states of
    every layer, [B, L, d] each, 0 the embedding's output, when asked for (the deepest after the final norm, as
    Hugging Face has it).
    """

    label_logits: Tensor | None = None
    token_logits: Tensor | None = None
    hidden: tuple[Tensor, ...] | None = None
