"""How large a model is, from its config.json or, before it is fetched, from what its name says. For estimates only."""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from potstill.plan.specs.model import Derivation, ModelView

ASSUMED_PARAMETERS = 1e9  # of a model of which nothing is known
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)\s?([mb])(?![A-Za-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class ModelShape:
    """The sizes that decide how much a transformer computes and holds.

    Attributes:
        decoder: whether its head answers with words of the vocabulary, or with a few classes.
        gated: whether its feed-forward part has three matrices (Llama, Qwen, Gemma) or two (BERT, GPT-2).
        head_size: width of one attention head.
        assumed: how the sizes were guessed; empty when they were read from the model's configuration.
    """

    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    heads: int
    key_value_heads: int
    head_size: int
    positions: int = 0
    decoder: bool = True
    gated: bool = True
    tied: bool = True
    assumed: str = ""

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer's matrices; norms and biases, below one part in a hundred, are left out."""
        attention = 2 * self.hidden * self.head_size * (self.heads + self.key_value_heads)
        return attention + (3 if self.gated else 2) * self.hidden * self.intermediate

    @property
    def computing(self) -> int:
        """Weights that every token is multiplied with: all but the embeddings."""
        return self.layers * self.layer_parameters

    @property
    def embeddings(self) -> int:
        """Weights of the input embeddings, learned positions included, and of an output layer of its own."""
        return (self.vocabulary * (1 if self.tied else 2) + self.positions) * self.hidden

    @property
    def head_outputs(self) -> int:
        """Logits at one position; an encoder's few classes are not counted."""
        return self.vocabulary if self.decoder else 0

    @property
    def head_parameters(self) -> int:
        """Weights that are multiplied for the logits of one position."""
        return self.hidden * self.head_outputs

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.computing + self.embeddings

    def seen(self, view: ModelView) -> "ModelShape":
        """The shape of the model that a stage loads from this one."""
        shape = dataclasses.replace(self, decoder=view.architecture == "decoder")
        return shape if view.derive is None else shape._derived(view.derive)

    def _derived(self, derive: Derivation) -> "ModelShape":
        kept = derive.keep_layers
        layers = len(kept) if isinstance(kept, tuple) else derive.layers or self.layers
        hidden, heads = derive.hidden_size or self.hidden, derive.attention_heads or self.heads
        resized = derive.hidden_size or derive.attention_heads
        return dataclasses.replace(
            self,
            layers=min(layers, self.layers) if not derive.random else layers,
            hidden=hidden,
            intermediate=derive.intermediate_size or self.intermediate,
            heads=heads,
            key_value_heads=derive.key_value_heads or min(self.key_value_heads, heads),
            head_size=max(hidden // heads, 1) if resized else self.head_size,
        )


def shape_of_directory(directory: Path) -> ModelShape | None:
    """The shape that a model directory's config.json tells; None where it does not tell one."""
    try:
        return shape_of_config(json.loads((directory / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, AttributeError):
        return None


def shape_of_config(config: Mapping[str, Any]) -> ModelShape:
    """The shape that a Hugging Face configuration tells, GPT-2's and DistilBERT's names of the keys included."""

    def get(*names: str) -> Any:
        return next((config[name] for name in names if config.get(name) is not None), None)

    hidden, heads = int(get("hidden_size", "n_embd", "dim")), int(get("num_attention_heads", "n_head", "n_heads"))
    gated = config.get("hidden_act") in ("silu", "swish", "gelu_pytorch_tanh") or "hidden_activation" in config
    learned = config.get("model_type") in ("bert", "roberta", "distilbert", "gpt2")
    return ModelShape(
        layers=int(get("num_hidden_layers", "n_layer", "n_layers")),
        hidden=hidden,
        intermediate=int(get("intermediate_size", "n_inner", "hidden_dim") or 4 * hidden),
        vocabulary=int(config["vocab_size"]),
        heads=heads,
        key_value_heads=int(get("num_key_value_heads") or heads),
        head_size=int(get("head_dim") or hidden // heads),
        positions=int(get("max_position_embeddings", "n_positions") or 0) if learned else 0,
        gated=gated,
        tied=bool(config.get("tie_word_embeddings", True)),
    )


def guessed_shape(*names: str, parameters: float | None = None) -> ModelShape:
    """A usual decoder of `parameters` weights, or of as many as one of its names tells, such as Qwen2.5-7B.

    Usual means: 128 units of width a layer, as Llama-7B has them, so that 12 x 128^2 x layers^3 weights compute.
    """
    said, how = parameters, ""
    for name in names if said is None else ():
        if found := _SIZE.findall(re.sub(r"[-_/]", " ", name)):
            number, unit = found[-1]
            said, how = (
                float(number) * (1e9 if unit.lower() == "b" else 1e6),
                f"{names[0]}: {number}{unit} weights, as its name says",
            )
            break
    if said is None:
        said, how = ASSUMED_PARAMETERS, f"{names[0]}: 1B weights (`parameters` in the catalogue says better)"
    layers = max(1, round((said / (12 * 128**2)) ** (1 / 3)))
    hidden = max(64, round((said / (12 * layers)) ** 0.5))
    heads = max(1, hidden // 64)
    return ModelShape(
        layers=layers,
        hidden=hidden,
        intermediate=round(8 * hidden / 3),
        vocabulary=32_000,
        heads=heads,
        key_value_heads=heads,
        head_size=64,
        assumed=how,
    )
