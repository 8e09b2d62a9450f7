"""Stored directories: what is derived from them, and every reason to refuse one."""

import json
import shutil
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from potstill import artefacts
from potstill.errors import ArtefactError, ConfigError, DataError
from potstill.models.device import autocast, pick_device, resolve_precision
from potstill.models.directory import check_artefact
from potstill.models.encode import collate, encode_examples
from potstill.models.layers import cut_after, even_layers
from potstill.models.load import load_tokenizer, tokenizer_fingerprint
from potstill.plan.specs.model import Derivation
from tiny_models import (
    CLASSIFY,
    DECODER,
    ENCODER,
    GENERATE,
    bert_directory,
    byte_level_tokenizer,
    examples,
    gpt2_directory,
    llama_directory,
    loaded,
    random_model,
    save,
    sentencepiece_tokenizer,
)
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

MAKERS = {"llama": llama_directory, "gpt2": gpt2_directory, "bert": bert_directory}


@pytest.fixture(scope="module", params=MAKERS)
def stored(request, tmp_path_factory):
    """(directory of six layers, architecture)."""
    directory = MAKERS[request.param](tmp_path_factory.mktemp(request.param), layers=6)
    return directory, "encoder" if request.param == "bert" else "decoder"


def batch_for(tokenizer, architecture):
    view = DECODER if architecture == "decoder" else ENCODER
    return collate(encode_examples(examples(), tokenizer, CLASSIFY, view), tokenizer.pad_token_id)


def test_evenly_spaced_layers_of_thirty():
    assert even_layers(6, 30) == (0, 6, 12, 17, 23, 29)
    assert even_layers(10, 30) == (0, 3, 6, 10, 13, 16, 19, 23, 26, 29)
    assert even_layers(2, 6) == (0, 5)
    assert even_layers(1, 6) == (0,)


@given(st.integers(2, 100).flatmap(lambda total: st.tuples(st.integers(2, total), st.just(total))))
def test_even_layers_are_rounded_from_equal_steps(sizes):
    layers, total = sizes
    kept = even_layers(layers, total)
    assert kept == tuple(round(i * Fraction(total - 1, layers - 1)) for i in range(layers))
    assert (kept[0], kept[-1], len(set(kept))) == (0, total - 1, layers)


@torch.inference_mode()
def test_keeping_all_layers_changes_nothing(stored):
    directory, architecture = stored
    whole, tokenizer = loaded(directory, architecture=architecture)
    cut, _ = loaded(directory, architecture=architecture, derive=Derivation(keep_layers=tuple(range(6))))
    batch = batch_for(tokenizer, architecture)
    assert torch.equal(whole(batch).label_logits, cut(batch).label_logits)


@torch.inference_mode()
def test_kept_layers_are_the_stored_ones_in_order(stored, tmp_path):
    directory, architecture = stored
    whole, tokenizer = loaded(directory, architecture=architecture)
    cut, _ = loaded(directory, architecture=architecture, derive=Derivation(keep_layers="even", layers=3))
    assert cut.n_layers == 3
    batch = batch_for(tokenizer, architecture)
    from potstill.models.layers import layer_stack

    parent, name = layer_stack(whole.backbone)
    stack = getattr(parent, name)
    kept, found = [stack[i] for i in even_layers(3, 6)], layer_stack(cut.backbone)
    for ours, theirs in zip(getattr(found[0], found[1]), kept, strict=True):
        ours_state, theirs_state = ours.state_dict(), theirs.state_dict()
        assert all(torch.equal(ours_state[key], theirs_state[key]) for key in theirs_state)
    # What is saved is what was computed.
    logits = cut(batch).label_logits
    cut.save(tmp_path / "student", tokenizer)
    again, _ = loaded(tmp_path / "student", architecture=architecture)
    assert again.n_layers == 3
    torch.testing.assert_close(again(batch).label_logits, logits)


def test_a_cut_decoder_generates_with_its_cache_as_without(tmp_path):
    directory = llama_directory(tmp_path, layers=6)
    model, tokenizer = loaded(directory, GENERATE, derive=Derivation(keep_layers=(0, 3, 5)))
    items = encode_examples(examples(), tokenizer, GENERATE, DECODER)
    found = model.generate(items, tokenizer, max_new_tokens=5)
    for item, answer in zip(items, found, strict=True):
        ids = list(item.input_ids[: item.answer_start + 1])
        new: list[int] = []
        with torch.inference_mode():
            while len(new) < 5 and tokenizer.eos_token_id not in new:
                new.append(int(model.model(torch.tensor([ids + new]), use_cache=False).logits[0, -1].argmax()))
        assert answer.n_tokens == len(new)
        assert answer.text == tokenizer.decode(new, skip_special_tokens=True).strip()


@torch.inference_mode()
@pytest.mark.parametrize("depth", [0, 1, 4, 6])
def test_a_model_cut_after_a_layer_has_the_same_hidden_states_up_to_there(stored, depth):
    directory, architecture = stored
    whole, tokenizer = loaded(directory, architecture=architecture)
    cut, _ = loaded(directory, architecture=architecture)
    cut_after(cut.model, depth)
    batch = batch_for(tokenizer, architecture)
    expected, found = whole.hidden_states(batch), cut.hidden_states(batch)
    assert len(found) == max(depth, 1) + 1
    for layer in range(depth + 1):
        assert torch.equal(found[layer], expected[layer])


@torch.inference_mode()
def test_layers_of_different_kinds_keep_their_kind(tmp_path):
    config = Gemma3TextConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=4,
        layer_types=["sliding_attention", "full_attention"] * 3,
        max_position_embeddings=128,
    )
    directory = save(tmp_path, random_model(Gemma3ForCausalLM, config), byte_level_tokenizer())
    model, _ = loaded(directory, derive=Derivation(keep_layers=(1, 2, 5)))
    assert model.model.config.layer_types == ["full_attention", "sliding_attention", "full_attention"]


@pytest.mark.parametrize(
    "derive",
    [
        Derivation(keep_layers=()),
        Derivation(keep_layers=(0, 6)),
        Derivation(keep_layers=(3, 1)),
        Derivation(keep_layers=(1, 1)),
        Derivation(keep_layers="even"),
        Derivation(keep_layers="even", layers=7),
        Derivation(random=True, hidden_size=30, attention_heads=4),
    ],
)
def test_impossible_derivations_are_refused(tmp_path, derive):
    with pytest.raises(ConfigError, match="derive"):
        loaded(llama_directory(tmp_path, layers=6), derive=derive)


def test_random_models_have_the_given_sizes_and_come_from_the_seed_alone(tmp_path):
    directory = llama_directory(tmp_path, layers=6)
    sizes = Derivation(
        random=True, layers=3, hidden_size=16, intermediate_size=20, attention_heads=2, key_value_heads=1
    )
    first, tokenizer = loaded(directory, derive=sizes)
    state = torch.random.get_rng_state()
    second, _ = loaded(directory, derive=sizes)
    assert torch.equal(torch.random.get_rng_state(), state), "the process's random state was touched"
    config = first.model.config
    assert (config.num_hidden_layers, config.hidden_size, config.intermediate_size) == (3, 16, 20)
    assert (config.num_attention_heads, config.num_key_value_heads, config.head_dim) == (2, 1, 8)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    first(batch_for(tokenizer, "decoder"))


def test_a_new_head_comes_from_the_seed(tmp_path):
    from potstill.models.load import load_task_model

    directory = bert_directory(tmp_path)
    tokenizer = load_tokenizer(directory, ENCODER)

    def head(seed):
        model = load_task_model(
            directory, ENCODER, CLASSIFY, tokenizer, device=torch.device("cpu"), precision="fp32", seed=seed
        )
        return model.model.classifier.weight

    torch.manual_seed(99)
    first = head(1)
    torch.manual_seed(7)
    assert torch.equal(first, head(1))
    assert not torch.equal(first, head(2))


def test_a_run_directory_stands_for_its_student(tmp_path):
    llama_directory(tmp_path / "run" / "student")
    model, tokenizer = loaded(tmp_path / "run")
    other, _ = loaded(tmp_path / "run" / "student")
    batch = batch_for(tokenizer, "decoder")
    assert torch.equal(model(batch).label_logits, other(batch).label_logits)


def test_fingerprints_tell_tokenizers_apart_and_survive_saving(tmp_path):
    tokenizer = byte_level_tokenizer()
    fingerprint = tokenizer_fingerprint(tokenizer)
    assert tokenizer_fingerprint(load_tokenizer(llama_directory(tmp_path), DECODER)) == fingerprint
    assert tokenizer_fingerprint(sentencepiece_tokenizer()) != fingerprint
    tokenizer.add_tokens(["<more>"])
    assert tokenizer_fingerprint(tokenizer) != fingerprint
    other_end = byte_level_tokenizer()
    other_end.eos_token = "a"
    assert tokenizer_fingerprint(other_end) != fingerprint


def damage(directory, kind):
    """Break a model directory in one way."""
    config_path = directory / "config.json"
    config = json.loads(config_path.read_text())
    weights = directory / "model.safetensors"
    if kind == "no directory":
        shutil.rmtree(directory)
    elif kind == "no config":
        config_path.unlink()
    elif kind == "broken config":
        config_path.write_text("{")
    elif kind == "config is a list":
        config_path.write_text("[]")
    elif kind == "no weights":
        weights.unlink()
    elif kind == "pickle only":
        weights.rename(directory / "pytorch_model.bin")
    elif kind == "truncated weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif kind == "empty weights":
        weights.write_bytes(b"")
    elif kind == "another architecture's weights":
        config_path.write_text(json.dumps({**config, "num_hidden_layers": 5}))
    elif kind == "wrong sizes":
        config_path.write_text(json.dumps({**config, "hidden_size": 48}))
    elif kind == "code of its own":
        config_path.write_text(json.dumps({**config, "model_type": "mine", "auto_map": {"AutoConfig": "c.C"}}))
    elif kind == "unknown type":
        config_path.write_text(json.dumps({**config, "model_type": "mine"}))
    elif kind == "neither":
        config_path.write_text(json.dumps({**config, "model_type": "vit"}))
    elif kind == "no tokenizer":
        (directory / "tokenizer.json").unlink()
        (directory / "tokenizer_config.json").unlink()
    elif kind == "broken tokenizer":
        (directory / "tokenizer.json").write_text("{}")
    elif kind == "short":
        config_path.write_text(json.dumps({**config, "max_position_embeddings": 16}))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no directory", "no such directory"),
        ("no config", "config.json: missing"),
        ("broken config", "config.json: not JSON"),
        ("config is a list", "a JSON object was expected"),
        ("no weights", "no weights"),
        ("pickle only", r"only pickled weights \(pytorch_model.bin\)"),
        ("truncated weights", "damaged or cut off|cannot be loaded"),
        ("empty weights", "damaged or cut off|cannot be loaded"),
        ("another architecture's weights", "weights that llama needs are missing"),
        ("wrong sizes", "cannot be loaded|missing"),
        ("code of its own", "trust_remote_code: true"),
        ("unknown type", "unknown to the installed transformers"),
        ("neither", "neither a BERT-like encoder nor a decoder"),
        ("no tokenizer", "tokenizer cannot be loaded"),
        ("broken tokenizer", "tokenizer cannot be loaded"),
        ("short", "reads at most 16 tokens"),
    ],
)
def test_a_directory_that_cannot_be_used_is_named_in_one_message(tmp_path, kind, message):
    directory = llama_directory(tmp_path / "model")
    damage(directory, kind)
    with pytest.raises(DataError, match=message) as caught:
        loaded(directory)
    assert str(directory) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encoder_is_not_taken_for_a_decoder_nor_the_other_way_round(tmp_path):
    with pytest.raises(DataError, match="architecture: encoder"):
        loaded(llama_directory(tmp_path / "llama"), architecture="encoder")
    with pytest.raises(DataError, match="architecture: decoder"):
        loaded(bert_directory(tmp_path / "bert"))
    with pytest.raises(DataError, match="encoder cannot answer"):
        loaded(tmp_path / "bert", GENERATE, architecture="encoder")


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tmp_path):
    directory = llama_directory(tmp_path)
    tokenizer = load_tokenizer(directory, DECODER)
    tokenizer.add_tokens([f"<{i}>" for i in range(10)])
    tokenizer.save_pretrained(directory)
    with pytest.raises(DataError, match="embedding only"):
        loaded(directory)


def test_an_artefact_with_a_flipped_byte_is_refused_by_the_files_name(tmp_path):
    with artefacts.writing(tmp_path / "asset", spec={}) as folder:
        llama_directory(folder)
    weights = tmp_path / "asset" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    check_artefact.cache_clear()
    with pytest.raises(ArtefactError, match=r"asset/model\.safetensors"):
        loaded(tmp_path / "asset")


def test_eight_bit_without_a_gpu_is_a_note_and_full_precision(tmp_path, capsys):
    model, _ = loaded(llama_directory(tmp_path), load_in_8bit=True)
    assert next(model.parameters()).dtype == torch.float32
    assert "load_in_8bit has no effect here" in capsys.readouterr().err


def test_precisions_of_devices(capsys):
    cpu, mps = torch.device("cpu"), torch.device("mps")
    assert resolve_precision("auto", cpu) == "fp32"
    assert resolve_precision("bf16", cpu) == "bf16"
    assert capsys.readouterr().err == ""
    assert resolve_precision("fp16", cpu) == "fp32"
    assert resolve_precision("bf16", mps) == resolve_precision("fp16", mps) == resolve_precision("auto", mps) == "fp32"
    assert "fp16 is not for cpu" in capsys.readouterr().err


def test_the_best_device_is_taken(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device().type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device().type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device().type == "cuda"


def test_a_gpu_that_only_emulates_bf16_is_refused_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "an old GPU")
    cuda = torch.device("cuda")
    assert resolve_precision("auto", cuda) == "fp32"
    assert resolve_precision("fp16", cuda) == "fp16"
    with pytest.raises(ConfigError, match="an old GPU"):
        resolve_precision("bf16", cuda)


def test_autocast_computes_in_the_precision_but_logits_stay_float32(tmp_path):
    model, tokenizer = loaded(llama_directory(tmp_path))
    batch = batch_for(tokenizer, "decoder")
    exact = model(batch, with_hidden=True)
    with autocast(torch.device("cpu"), "bf16"):
        rounded = model(batch, with_hidden=True)
    assert rounded.label_logits.dtype == torch.float32
    assert not torch.equal(rounded.hidden[1], exact.hidden[1])
    # bfloat16 keeps 8 bits; through two layers an error of 10 % of the scale would be another computation.
    assert (rounded.label_logits - exact.label_logits).abs().max() < 0.1 * exact.label_logits.abs().max()
    with autocast(torch.device("cpu"), "fp32"):
        assert torch.equal(model(batch).label_logits, exact.label_logits)
