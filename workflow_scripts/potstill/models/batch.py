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
    """

    example_id: str
    input_ids: tuple[int, ...]
    label: int = -1
    answer_ids: tuple[int, ...] = ()
    answer_start: int = 0


@dataclass
class Batch:
    """Right-padded examples.

    `positions` [N, 2] lists (row, position) of every logit that predicts an answer token, row by row; `answer_ids` [N]
    holds the tokens to predict there. Only at these positions is the language-model head computed. For a classification
    by a decoder, `last` [B] is the prompt's last position, where the label logits are read.
    `targets` holds what the method's loader attached: label tensors [B, ...], token tensors [N, ...].
    """

    example_ids: list[str]
    input_ids: Tensor  # [B, L] int64
    attention_mask: Tensor  # [B, L] int64
    labels: Tensor  # [B] int64, -1: none
    positions: Tensor  # [N, 2] int64
    answer_ids: Tensor  # [N] int64
    last: Tensor  # [B] int64
    targets: dict[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(self).items() if k != "targets"}
        return Batch(**moved, targets={k: v.to(device) for k, v in self.targets.items()})


@dataclass
class Output:
    """What a model says about a batch. Logits are float32 whatever the model computes in.

    `label_logits` [B, C] for classification (an encoder's head, or a decoder's logits of the verbalizers' first tokens at
    `last`); `token_logits` [N, V] at the batch's answer positions (decoders); `hidden` the hidden states of every layer,
    [B, L, d] each, 0 the embedding's output, when asked for.
    """

    label_logits: Tensor | None = None
    token_logits: Tensor | None = None
    hidden: tuple[Tensor, ...] | None = None
