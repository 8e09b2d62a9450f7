"""Spec of `capture_targets`: one shard of what the teacher says about the training and transfer examples."""

from typing import Literal

from potstill.plan.base import Record
from potstill.plan.specs.model import ModelView, Precision
from potstill.plan.specs.task import TaskView

TargetKind = Literal["label_logits", "token_logits", "generations", "hidden_states"]
Pooling = Literal["last", "mean", "tokens"]


class LabelLogits(Record):
    """The teacher's logit of each class, one row an example."""

    kind: Literal["label_logits"] = "label_logits"


class TokenLogits(Record):
    """The teacher's top-K next-token log-probabilities at the answer's positions (teacher forcing on the gold answer).

    The exact log-sum-exp is stored for each of `temperatures`, so any of them can be used later without a teacher pass.
    """

    kind: Literal["token_logits"] = "token_logits"
    top_k: int = 64
    temperatures: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)


class Generations(Record):
    """The teacher's own answer to each prompt; greedy at temperature 0, otherwise sampled with `seed` per example."""

    kind: Literal["generations"] = "generations"
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class HiddenStates(Record):
    """Hidden states of chosen layers: 0 is the embedding's output, n the n-th layer's; None stores all.

    Pooled over the text (its last position, or the mean) or at each position (`tokens`, equal tokenizers only).
    """

    kind: Literal["hidden_states"] = "hidden_states"
    layers: tuple[int, ...] | None = None
    pooling: Pooling = "last"


class TargetSpec(Record):
    """One shard. Examples are dealt to shards by the hash of their content, so the deal does not depend on their order."""

    task: TaskView
    model: ModelView
    target: LabelLogits | TokenLogits | Generations | HiddenStates
    splits: tuple[str, ...] = ("train", "transfer")
    shard: int
    shards: int
    token_budget: int = 2048
    precision: Precision = "fp32"
