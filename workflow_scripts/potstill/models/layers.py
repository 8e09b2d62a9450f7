"""The stack of layers of a Hugging Face model: find it, keep some of it, stop after some of it."""

from collections.abc import Sequence

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from potstill.errors import ConfigError, DataError
from potstill.plan.specs.model import Derivation

# Where architectures keep their layers: Llama, Qwen, Gemma, ModernBERT; GPT-2; BERT, RoBERTa, MiniLM; DistilBERT.
STACKS = ("layers", "h", "encoder.layer", "transformer.layer")
# The norm between a decoder's last layer and its head.
FINAL_NORMS = ("norm", "ln_f", "final_norm", "final_layer_norm")


def layer_stack(backbone: nn.Module) -> tuple[nn.Module, str]:
    """The module that holds the list of layers, and the list's name in it.

    Raises:
        DataError: an architecture whose layers are not where any known one has them.
    """
    for path in STACKS:
        parent_path, _, name = path.rpartition(".")
        try:
            parent = backbone.get_submodule(parent_path)
        except AttributeError:
            continue
        if isinstance(getattr(parent, name, None), nn.ModuleList):
            return parent, name
    raise DataError(f"{type(backbone).__name__}: its layers are in none of {', '.join(STACKS)}, so none can be chosen")


def even_layers(layers: int, total: int) -> tuple[int, ...]:
    """`layers` of `total`, evenly spaced, first and last among them: (0, 6, 12, 17, 23, 29) for 6 of 30."""
    if layers == 1:
        return (0,)
    # Exact in integers, halves to the even neighbour as round() and numpy have it.
    return tuple(round(i * (total - 1) / (layers - 1)) for i in range(layers))


def chosen_layers(derive: Derivation, total: int) -> tuple[int, ...] | None:
    """The layers that a derivation keeps of a model with `total`; None: all as they are.

    Raises:
        ConfigError: no such layers.
    """
    if derive.random or derive.keep_layers is None:
        return None
    if derive.keep_layers != "even":
        keep = tuple(derive.keep_layers)
        if not keep or list(keep) != sorted(set(keep)) or keep[0] < 0 or keep[-1] >= total:
            raise ConfigError(f"derive.keep_layers: {list(keep)} must be rising layer numbers from 0 to {total - 1}")
        return keep
    if derive.layers is None or not 1 <= derive.layers <= total:
        raise ConfigError(f"derive.layers: {derive.layers}, but keep_layers: even needs a number from 1 to {total}")
    return even_layers(derive.layers, total)


def keep_layers(model: PreTrainedModel, keep: Sequence[int]) -> None:
    """Drop every layer but `keep`, in place; the configuration follows, so the model saves and loads as it is now."""
    parent, name = layer_stack(model.base_model)
    stack = getattr(parent, name)
    kept = nn.ModuleList(stack[index] for index in keep)
    for position, layer in enumerate(kept):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = position  # type: ignore[assignment]  # a layer's place in the key-value cache
    setattr(parent, name, kept)
    _select_in_config(model.config, keep, len(stack))


def cut_after(model: PreTrainedModel, depth: int) -> None:
    """Stop the backbone after `depth` layers, in place: hidden state `depth` is the same, nothing deeper is computed.

    Hidden state n is the output of layer n; only behind the very last layer does the final norm follow. A cut model
    would apply that norm at its new end, so it goes.
    """
    backbone = model.base_model
    parent, name = layer_stack(backbone)
    total = len(getattr(parent, name))
    if depth > total:
        raise ConfigError(f"hidden_states.layers: {depth}, but the model has layers 1 to {total} (0: the embedding)")
    if depth == total:
        return
    keep_layers(model, range(max(depth, 1)))
    for norm in FINAL_NORMS:
        if isinstance(getattr(backbone, norm, None), nn.Module):
            setattr(backbone, norm, nn.Identity())


def resized_config(config: PreTrainedConfig, derive: Derivation) -> PreTrainedConfig:
    """The same architecture in other sizes, for new weights.

    Raises:
        ConfigError: sizes that do not divide each other.
    """
    changes = {
        "num_hidden_layers": derive.layers,
        "hidden_size": derive.hidden_size,
        "intermediate_size": derive.intermediate_size,
        "num_attention_heads": derive.attention_heads,
        "num_key_value_heads": derive.key_value_heads,
    }
    values, total = config.to_dict(), config.num_hidden_layers
    for name, value in changes.items():
        key = config.attribute_map.get(name, name)  # GPT-2 says n_layer
        if value is not None and key not in values:
            raise ConfigError(f"derive: a {config.model_type} model has no {key}")
        if value is not None:
            values[key] = value
    width, heads = derive.hidden_size or config.hidden_size, derive.attention_heads or config.num_attention_heads
    groups = derive.key_value_heads or getattr(config, "num_key_value_heads", None) or heads
    if width % heads or heads % groups:
        sizes = f"hidden_size {width}, attention_heads {heads}, key_value_heads {groups}"
        raise ConfigError(f"derive: {sizes}: the first must be a multiple of the second, that of the third")
    if getattr(config, "head_dim", None) == config.hidden_size // config.num_attention_heads:
        values["head_dim"] = width // heads  # it follows from the other two, as before
    for key in _per_layer(values, total):
        values[key] = [values[key][i % total] for i in range(derive.layers or total)]
    return type(config).from_dict(values)


def _select_in_config(config: PreTrainedConfig, keep: Sequence[int], total: int) -> None:
    for key in _per_layer(config.to_dict(), total):
        setattr(config, key, [getattr(config, key)[index] for index in keep])
    config.num_hidden_layers = len(keep)


def _per_layer(values: dict[str, object], total: int) -> list[str]:
    """Configuration keys with one entry a layer, such as Qwen's and Gemma's `layer_types`."""
    return [key for key, value in values.items() if isinstance(value, list) and len(value) == total and "layer" in key]
