"""Sizes of models: against transformers' own modules, and from names before anything is fetched."""

import pytest
import torch
from potstill.plan.shape import guessed_shape, shape_of_config, shape_of_directory
from potstill.plan.specs.model import Derivation, ModelView
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    BertConfig,
    DistilBertConfig,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    Qwen2Config,
)

SMOLLM2 = LlamaConfig(
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    tie_word_embeddings=True,
)
QWEN_7B = Qwen2Config(
    vocab_size=152064,
    hidden_size=3584,
    intermediate_size=18944,
    num_hidden_layers=28,
    num_attention_heads=28,
    num_key_value_heads=4,
    tie_word_embeddings=False,
)


def count(config, kind=AutoModelForCausalLM):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in kind.from_config(config).parameters())


@pytest.mark.parametrize("config", [SMOLLM2, QWEN_7B, GPT2Config(), Gemma3TextConfig()], ids=lambda c: c.model_type)
def test_a_decoder_has_the_weights_that_transformers_gives_it(config) -> None:
    assert shape_of_config(config.to_dict()).parameters == pytest.approx(count(config), rel=0.002)


@pytest.mark.parametrize("config", [BertConfig(), DistilBertConfig(), ModernBertConfig()], ids=lambda c: c.model_type)
def test_an_encoder_has_them_too(config) -> None:
    assert shape_of_config(config.to_dict()).parameters == pytest.approx(count(config, AutoModel), rel=0.01)


def test_a_derived_model_is_counted_as_transformers_would_build_it() -> None:
    shape = shape_of_config(SMOLLM2.to_dict())
    cut = shape.seen(ModelView(architecture="decoder", derive=Derivation(keep_layers="even", layers=10)))
    smaller = LlamaConfig(**{**SMOLLM2.to_dict(), "num_hidden_layers": 10})
    assert cut.parameters == pytest.approx(count(smaller), rel=0.002)
    sizes = Derivation(
        random=True, layers=4, hidden_size=192, intermediate_size=512, attention_heads=6, key_value_heads=2
    )
    drawn = shape.seen(ModelView(architecture="decoder", derive=sizes))
    keys = {"num_hidden_layers": 4, "hidden_size": 192, "intermediate_size": 512, "num_attention_heads": 6}
    keys |= {"num_key_value_heads": 2, "head_dim": 32}
    assert drawn.parameters == pytest.approx(count(LlamaConfig(**{**SMOLLM2.to_dict(), **keys})), rel=0.002)


def test_an_encoder_has_no_head_over_the_vocabulary() -> None:
    shape = shape_of_config(BertConfig().to_dict())
    assert shape.seen(ModelView(architecture="encoder")).head_parameters == 0
    assert shape.seen(ModelView(architecture="decoder")).head_parameters == 768 * 30522


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 7),
        ("Qwen/Qwen2.5-0.5B", 0.5),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1.1),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", 0.36),
        ("smollm2-135m", 0.135),
    ],
)
def test_a_name_tells_the_size(name: str, billions: float) -> None:
    shape = guessed_shape(name)
    assert shape.computing == pytest.approx(billions * 1e9, rel=0.05)
    assert "as its name says" in shape.assumed


@pytest.mark.parametrize("name", ["minilm-6l", "gpt2", "v1.0", "model-2b2c", "8bit"])
def test_what_only_looks_like_a_size_is_none(name: str) -> None:
    shape = guessed_shape(name)
    assert shape.computing == pytest.approx(1e9, rel=0.05)
    assert shape.assumed.startswith(f"{name}: 1B weights (`parameters`")


def test_the_catalogue_knows_better_than_the_name() -> None:
    shape = guessed_shape("mixture-7b", parameters=22.7e6)
    assert shape.computing == pytest.approx(22.7e6, rel=0.1)
    assert shape.assumed == ""


@pytest.mark.parametrize("text", [None, "not json", "[]", "{}", '{"hidden_size": "wide"}', '{"hidden_size": 0}'])
def test_a_directory_without_a_readable_configuration_tells_nothing(tmp_path, text) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert shape_of_directory(tmp_path) is None
