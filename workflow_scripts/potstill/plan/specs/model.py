"""How a stored model directory becomes the model that a stage uses."""

from typing import Literal

from potstill.plan.base import Record

Architecture = Literal["encoder", "decoder"]
Precision = Literal["fp32", "bf16", "fp16"]


class Derivation(Record):
    """A smaller model made from a stored one.

    `keep_layers` copies these layers (0-based) and drops the others (DistilBERT-style). `random` keeps only the
    configuration, with any of the given sizes replaced, and draws new weights from the run's seed.
    """

    keep_layers: tuple[int, ...] | Literal["even"] | None = None
    layers: int | None = None
    random: bool = False
    hidden_size: int | None = None
    intermediate_size: int | None = None
    attention_heads: int | None = None
    key_value_heads: int | None = None


class ModelView(Record):
    """The part of a catalogue entry that changes what a loaded model computes."""

    architecture: Architecture
    derive: Derivation | None = None
    trust_remote_code: bool = False
    load_in_8bit: bool = False
