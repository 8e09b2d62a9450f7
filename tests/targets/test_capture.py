"""What is stored is what the teacher says: cached against live, one shard against many, twice against once."""

import importlib
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from potstill.errors import ConfigError, DataError
from potstill.models.encode import collate, encode_examples
from potstill.models.load import tokenizer_fingerprint
from potstill.plan.specs.targets import Generations, HiddenStates, LabelLogits, TokenLogits
from potstill.tables import read_frame
from potstill.targets.capture import capture, shard_examples, shard_of
from potstill.targets.layout import GENERATIONS, HIDDEN, LABEL_LOGITS
from potstill.targets.read import (
    read_generations,
    read_hidden_states,
    read_label_logits,
    read_token_logits,
)
from potstill.targets.token_logits import CHUNK, compress
from safetensors.numpy import load_file
from stored_targets import specs, store_examples, write_shard
from tiny_models import CLASSIFY, DECODER, ENCODER, GENERATE, bert_directory, gpt2_directory, llama_directory, loaded

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
KINDS = {
    "label_logits": (LabelLogits(), CLASSIFY),
    "token_logits": (TokenLogits(top_k=16), GENERATE),
    "generations": (Generations(temperature=1.0, seed=5), GENERATE),
    "hidden_states": (HiddenStates(layers=(1, 2)), GENERATE),
}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return llama_directory(tmp_path_factory.mktemp("teacher"), layers=3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    store_examples(folder)
    return folder


def all_examples(data):
    frames = [read_frame(data / f"{split}.parquet") for split in ("train", "transfer")]
    return pd.concat(frames, ignore_index=True)


def whole_batch(data, tokenizer, task, view=DECODER):
    return collate(encode_examples(all_examples(data), tokenizer, task, view), tokenizer.pad_token_id)


@torch.inference_mode()
def test_cached_label_logits_are_the_live_ones(teacher, data, tmp_path):
    model, tokenizer = write_shard(tmp_path / "t", data, teacher, specs(*KINDS["label_logits"])[0])
    batch = whole_batch(data, tokenizer, CLASSIFY)
    found = read_label_logits([tmp_path / "t"], centre=False).for_batch(batch)
    torch.testing.assert_close(found, model(batch).label_logits, **CLOSE)


def test_an_encoder_teaches_label_logits_and_hidden_states(data, tmp_path):
    teacher = bert_directory(tmp_path / "bert")
    (spec,) = specs(LabelLogits(), CLASSIFY, view=ENCODER)
    model, tokenizer = write_shard(tmp_path / "labels", data, teacher, spec)
    batch = whole_batch(data, tokenizer, CLASSIFY, ENCODER)
    with torch.inference_mode():
        found = read_label_logits([tmp_path / "labels"], centre=False).for_batch(batch)
        torch.testing.assert_close(found, model(batch).label_logits, **CLOSE)
        (spec,) = specs(HiddenStates(pooling="mean"), CLASSIFY, view=ENCODER)
        write_shard(tmp_path / "hidden", data, teacher, spec)
        states = read_hidden_states([tmp_path / "hidden"]).for_batch(batch)
        for layer, live in enumerate(model.hidden_states(batch)):
            expected = model.pool(live, batch, "mean")
            torch.testing.assert_close(states[layer], expected, rtol=2e-3, atol=2e-3)
    with pytest.raises(ConfigError, match="token_logits need a decoder"):
        write_shard(tmp_path / "tokens", data, teacher, specs(TokenLogits(), CLASSIFY, view=ENCODER)[0])
    assert not (tmp_path / "tokens").exists()


def test_centring_is_over_the_transfer_split_or_train_without_one(teacher, data, tmp_path):
    write_shard(tmp_path / "both", data, teacher, specs(*KINDS["label_logits"])[0])
    raw = read_frame(tmp_path / "both" / LABEL_LOGITS)
    for split in ("transfer", "train"):
        if split == "train":
            write_shard(tmp_path / "both2", data, teacher, specs(*KINDS["label_logits"], splits=("train",))[0])
        reader = read_label_logits([tmp_path / ("both" if split == "transfer" else "both2")], centre=True)
        expected = np.stack(raw[raw["split"] == split]["logits"]).mean(0)
        np.testing.assert_allclose(reader.mean, expected, rtol=1e-5)
        rows = [i for i, name in enumerate(reader.shards.splits) if name == split]
        np.testing.assert_allclose(reader.logits[rows].mean(0), 0, atol=1e-5)
    plain = read_label_logits([tmp_path / "both"], centre=False)
    centred = read_label_logits([tmp_path / "both"], centre=True)
    torch.testing.assert_close(plain.logits, centred.logits + centred.mean)


@torch.inference_mode()
@pytest.mark.parametrize("task", [GENERATE, CLASSIFY], ids=["generation", "classification"])
def test_with_all_tokens_stored_every_temperature_is_the_live_distribution(teacher, data, tmp_path, task):
    target = TokenLogits(top_k=10_000)
    model, tokenizer = write_shard(tmp_path / "t", data, teacher, specs(target, task)[0])
    batch = whole_batch(data, tokenizer, task)
    live = model(batch).token_logits
    for temperature in target.temperatures:
        stored = read_token_logits([tmp_path / "t"], temperature).for_batch(batch)
        rebuilt = stored["logprobs"] / temperature - stored["lse"][:, None]
        dense = torch.empty_like(live).scatter_(1, stored["ids"], rebuilt)
        torch.testing.assert_close(dense, torch.log_softmax(live / temperature, -1), rtol=0, atol=1e-5)
    distribution = torch.distributions.Categorical(logits=live)
    torch.testing.assert_close(stored["entropy"], distribution.entropy(), **CLOSE)
    assert torch.isneginf(stored["tail_logmass"]).all()
    assert stored["valid"].all()


@given(st.integers(1, 40), st.floats(0.1, 10.0), st.integers(0, 2**31), st.floats(-1e4, 1e4))
def test_head_and_tail_are_exact_at_every_temperature(k, temperature, seed, shift):
    """Against float64, for any constant added to the logits."""
    logits = 3 * torch.randn(3, 40, generator=torch.Generator().manual_seed(seed))
    rows = compress(logits, torch.arange(3), TokenLogits(top_k=k, temperatures=(temperature,)))
    exact = torch.log_softmax(logits.double() / temperature, -1).gather(1, torch.from_numpy(rows.ids).long())
    rebuilt = rows.logprobs / temperature - rows.lse
    np.testing.assert_allclose(rebuilt, exact, atol=2e-5)
    tail = torch.log_softmax(logits.double() / temperature, -1).sort(-1).values[:, : 40 - k].logsumexp(-1)
    np.testing.assert_allclose(rows.tail_logmass[:, 0], tail, atol=1e-4)
    assert (np.diff(rows.logprobs, axis=1) <= 0).all()
    # A constant changes nothing but rounding: logits of 10,000 carry an error of 5e-4.
    moved = compress(logits + shift, torch.arange(3), TokenLogits(top_k=k, temperatures=(temperature,)))
    np.testing.assert_allclose(moved.entropy, rows.entropy, atol=1e-2)


def test_ids_at_the_end_of_a_large_vocabulary_survive():
    size = 200_000
    wanted = [0, 2**16 - 1, 2**16, 2**17 - 1, 2**17, size - 1]
    logits = torch.zeros(1, size)
    logits[0, wanted] = torch.tensor([30.0, 29, 28, 27, 26, 25])
    rows = compress(logits, torch.tensor([size - 1]), TokenLogits(top_k=6))
    assert rows.ids.tolist() == [wanted]
    assert rows.answer_ids.tolist() == [size - 1]


def test_a_tail_far_below_rounding_is_not_lost():
    logits = torch.tensor([[100.0, 0.0, 0.0]])
    rows = compress(logits, torch.zeros(1, dtype=torch.long), TokenLogits(top_k=1))
    at = np.array(TokenLogits().temperatures)
    np.testing.assert_allclose(rows.tail_logmass[0], np.log(2) - 100 / at - np.log1p(2 * np.exp(-100 / at)), rtol=1e-5)


def test_impossible_tokens_do_not_spoil_the_entropy():
    logits = torch.tensor([[0.0, 0.0, -torch.inf]])
    rows = compress(logits, torch.zeros(1, dtype=torch.long), TokenLogits(top_k=2))
    np.testing.assert_allclose(rows.entropy, np.log(2), rtol=1e-6)


def test_many_positions_are_compressed_as_few(monkeypatch):
    logits = torch.randn(CHUNK + 7, 30, generator=torch.Generator().manual_seed(0))
    answers = torch.arange(len(logits))
    whole, last = (
        compress(logits, answers, TokenLogits(top_k=5)),
        compress(logits[-3:], answers[-3:], TokenLogits(top_k=5)),
    )
    for a, b in zip(whole, last, strict=True):
        np.testing.assert_array_equal(a[-3:], b)


@pytest.mark.parametrize("kind", KINDS)
def test_two_captures_are_the_same_bytes(teacher, data, tmp_path, kind):
    (spec,) = specs(*KINDS[kind])
    for name in ("a", "b"):
        write_shard(tmp_path / name, data, teacher, spec)
    first, second = (
        {path.name: sha256(path.read_bytes()).hexdigest() for path in (tmp_path / name).iterdir()}
        for name in ("a", "b")
    )
    first.pop("manifest.json"), second.pop("manifest.json")
    assert first == second
    assert len(first) == (1 if kind in ("label_logits", "generations") else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_union_of_shards_is_the_single_shard(teacher, data, tmp_path, kind):
    target, task = KINDS[kind]
    (one,) = specs(target, task)
    many = specs(target, task, shards=3)
    _, tokenizer = write_shard(tmp_path / "one", data, teacher, one)
    for spec in many:
        write_shard(tmp_path / f"many{spec.shard}", data, teacher, spec)
    paths = [tmp_path / f"many{i}" for i in (2, 0, 1)]  # given in any order
    batch = whole_batch(data, tokenizer, task)
    if kind == "generations":
        assert read_generations(paths).text == read_generations([tmp_path / "one"]).text
        return
    read = {
        "label_logits": lambda shards: {"logits": read_label_logits(shards, centre=True).for_batch(batch)},
        "token_logits": lambda shards: read_token_logits(shards, 2.0).for_batch(batch),
        "hidden_states": lambda shards: read_hidden_states(shards).for_batch(batch),
    }[kind]
    single, union = read([tmp_path / "one"]), read(paths)
    assert single.keys() == union.keys()
    for name in single:
        # float16 of states that differ in their last float32 bit may differ by one step.
        tolerance = {"rtol": 1e-3, "atol": 1e-3} if kind == "hidden_states" else CLOSE
        torch.testing.assert_close(single[name], union[name], **tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_does_not_fit_is_captured_in_halves(teacher, data, tmp_path, kind, monkeypatch):
    """The bytes of the capture whose batches were small from the start."""
    target, task = KINDS[kind]
    module = importlib.import_module(f"potstill.targets.{target.kind}")
    ask, asked = module.capture, []

    def explode(task_model, tokenizer, items, target):
        asked.append(len(items))
        if len(items) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return ask(task_model, tokenizer, items, target)

    (small,), (large,) = specs(target, task, token_budget=1), specs(target, task, token_budget=10_000)
    write_shard(tmp_path / "small", data, teacher, small)
    monkeypatch.setattr(module, "capture", explode)
    write_shard(tmp_path / "halved", data, teacher, large)
    assert max(asked) == 8
    for file in (tmp_path / "small").iterdir():
        if file.name != "manifest.json":
            assert file.read_bytes() == (tmp_path / "halved" / file.name).read_bytes()


@given(st.lists(st.text("0123456789abcdef", min_size=16, max_size=16), unique=True, max_size=30), st.integers(1, 7))
def test_each_example_is_in_exactly_one_shard(ids, shards):
    assert all(0 <= shard_of(example_id, shards) < shards for example_id in ids)


def test_shards_do_not_depend_on_the_order_or_on_other_examples(data, tmp_path):
    spec = specs(LabelLogits(), CLASSIFY, shards=2)[1]
    mine = shard_examples(data, spec)
    assert list(mine["example_id"]) == sorted(mine["example_id"])
    store_examples(tmp_path, train=6, transfer=20)
    more = shard_examples(tmp_path, spec)
    assert set(mine["example_id"]) <= set(more["example_id"])


def test_a_shard_without_examples_is_refused(data):
    spec = specs(LabelLogits(), CLASSIFY, shards=500)[499]
    with pytest.raises(DataError, match="fewer shards"):
        shard_examples(data, spec)


@torch.inference_mode()
@pytest.mark.parametrize("pooling", ["last", "mean", "tokens"])
def test_cached_hidden_states_are_the_live_ones_of_the_uncut_model(data, tmp_path, pooling):
    for maker, layers in ((llama_directory, (0, 2)), (gpt2_directory, (3,)), (llama_directory, None)):
        teacher = maker(tmp_path / f"{maker.__name__}{layers}", layers=3)
        (spec,) = specs(HiddenStates(layers=layers, pooling=pooling), GENERATE)
        store = tmp_path / f"store{maker.__name__}{layers}"
        model, tokenizer = write_shard(store, data, teacher, spec)
        batch = whole_batch(data, tokenizer, GENERATE)
        stored = read_hidden_states([store]).for_batch(batch)
        live = model.hidden_states(batch)
        assert sorted(stored) == list(layers or range(4))
        for layer, states in stored.items():
            expected = model.pool(live[layer], batch, pooling)
            if pooling == "tokens":
                expected = expected * batch.attention_mask[..., None]
            torch.testing.assert_close(states, expected, rtol=2e-3, atol=2e-3)


def test_only_the_layers_that_are_needed_are_run(teacher, data, tmp_path):
    model, tokenizer = loaded(teacher, GENERATE)
    calls = []
    for number, layer in enumerate(model.backbone.layers):
        layer.register_forward_hook(lambda *_, number=number: calls.append(number))
    model.model.lm_head.register_forward_hook(lambda *_: calls.append("head"))
    (spec,) = specs(HiddenStates(layers=(1,)), GENERATE, token_budget=10_000)
    capture(model, tokenizer, shard_examples(data, spec), spec, tmp_path)
    assert calls == [0]


def test_states_beyond_float16_are_kept_in_float32(teacher, data, tmp_path):
    model, tokenizer = loaded(teacher, GENERATE)
    with torch.no_grad():
        model.backbone.embed_tokens.weight.mul_(1e6)
    (spec,) = specs(HiddenStates(layers=(0,)), GENERATE)
    capture(model, tokenizer, shard_examples(data, spec), spec, tmp_path)
    states = load_file(tmp_path / HIDDEN)["layer_0"]
    assert states.dtype == np.float32
    assert np.isfinite(states).all()


def test_greedy_generations_are_the_models(teacher, data, tmp_path):
    model, tokenizer = write_shard(tmp_path / "t", data, teacher, specs(Generations(), GENERATE)[0])
    items = encode_examples(all_examples(data), tokenizer, GENERATE, DECODER)
    stored = read_generations([tmp_path / "t"])
    for item, answer in zip(items, model.generate(items, tokenizer, max_new_tokens=8), strict=True):
        assert stored.text[item.example_id] == answer.text
        assert stored.finished[item.example_id] == answer.finished
    counts = read_frame(tmp_path / "t" / GENERATIONS)["n_tokens"]
    assert counts.between(1, 8).all()


def test_sampled_generations_differ_between_seeds(teacher, data, tmp_path):
    texts = []
    for seed in (0, 1):
        write_shard(tmp_path / str(seed), data, teacher, specs(Generations(temperature=1.0, seed=seed), GENERATE)[0])
        texts.append(read_generations([tmp_path / str(seed)]).text)
    # Eight answers of up to eight tokens, hardly peaked: all equal by chance is out of the question (below 1e-6).
    assert texts[0] != texts[1]


def test_generations_of_a_classification_are_its_most_probable_words(teacher, data, tmp_path):
    model, tokenizer = write_shard(tmp_path / "t", data, teacher, specs(Generations(), CLASSIFY)[0])
    batch = whole_batch(data, tokenizer, CLASSIFY)
    with torch.inference_mode():
        labels = model(batch).label_logits.argmax(-1).tolist()
    stored = read_generations([tmp_path / "t"]).text
    expected = [CLASSIFY.verbalizers[label] for label in labels]
    assert [stored[example_id] for example_id in batch.example_ids] == expected


def test_unlabelled_examples_have_no_answer_positions(teacher, data, tmp_path):
    _, tokenizer = write_shard(tmp_path / "t", data, teacher, specs(*KINDS["token_logits"])[0])
    reader = read_token_logits([tmp_path / "t"], 1.0, tokenizer=tokenizer_fingerprint(tokenizer))
    for split, count in zip(reader.shards.splits, reader.counts, strict=True):
        assert (count > 0) == (split == "train")


def test_the_teacher_neither_trains_nor_keeps_gradients(teacher, data, tmp_path):
    model, tokenizer = loaded(teacher, CLASSIFY)
    model.train()
    (spec,) = specs(*KINDS["label_logits"])
    capture(model, tokenizer, shard_examples(data, spec), spec, tmp_path)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
