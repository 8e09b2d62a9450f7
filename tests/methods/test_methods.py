"""Each method on real stored targets of tiny teachers: what it counts and sums, and that a cache is a live teacher."""

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from method_setups import batch_of, evaluate, setup, store
from potstill.errors import ArtefactError, ConfigError
from potstill.losses.divergence import divergence, log_softmax
from potstill.losses.uld import uld
from potstill.methods.interface import build
from potstill.methods.terms.features import layer_pairs
from potstill.models.encode import collate, encode_examples
from potstill.plan import methods
from potstill.plan.specs.targets import Generations, HiddenStates, LabelLogits, TokenLogits
from sklearn.preprocessing import StandardScaler
from tiny_models import (
    CLASSIFY,
    DECODER,
    GENERATE,
    bert_directory,
    examples,
    llama_config,
    llama_directory,
    loaded,
    random_model,
    save,
    sentencepiece_tokenizer,
)

KINDS = ("forward_kl", "reverse_kl", "jsd")


def make(name, setting, **options):
    return build(name, methods.load(name).Options.parse(options), setting)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("methods")


@pytest.fixture(scope="session")
def data() -> pd.DataFrame:
    """Five labelled examples and three unlabelled ones."""
    return pd.concat([examples(8).iloc[:5], examples(8, labelled=False).iloc[5:]], ignore_index=True)


@pytest.fixture(scope="session")
def teacher(folder):
    return llama_directory(folder / "teacher", layers=4, seed=1)


@pytest.fixture(scope="session")
def small(folder):
    return llama_directory(folder / "small", layers=2, seed=2)


@pytest.fixture(scope="session")
def bert(folder):
    return bert_directory(folder / "bert")


@pytest.fixture(scope="session")
def foreign(folder):
    """A student with a tokenizer of another kind."""
    from transformers import LlamaForCausalLM

    tokenizer = sentencepiece_tokenizer()
    return save(folder / "foreign", random_model(LlamaForCausalLM, llama_config(len(tokenizer)), 3), tokenizer)


@pytest.fixture(scope="session")
def labels(folder, teacher, data):
    return {"label_logits": store(folder / "labels", teacher, CLASSIFY, LabelLogits(), data)}


@pytest.fixture(scope="session")
def full_tokens(folder, teacher, data):
    """K = V: nothing is lost."""
    return {"token_logits": store(folder / "full", teacher, GENERATE, TokenLogits(top_k=10**6), data)}


@pytest.fixture(scope="session")
def tokens(folder, teacher, data):
    return {"token_logits": store(folder / "tokens", teacher, GENERATE, TokenLogits(top_k=16), data)}


def stored_hidden(folder, teacher, data, pooling, task=CLASSIFY):
    return store(folder / f"hidden-{pooling}-{task.kind}", teacher, task, HiddenStates(pooling=pooling), data)


def test_b0_counts_labels_of_an_encoder_and_answer_tokens_of_a_decoder(bert, small, data):
    for directory, task, architecture in (
        (bert, CLASSIFY, "encoder"),
        (small, CLASSIFY, "decoder"),
        (small, GENERATE, "decoder"),
    ):
        student, tokenizer = loaded(directory, task, architecture)
        batch = batch_of(data, tokenizer, student)
        counts, sums = evaluate(make("b0", setup(student, tokenizer, {})), student, batch)
        output = student(batch)
        if architecture == "encoder":
            expected = F.cross_entropy(output.label_logits, batch.labels, ignore_index=-1, reduction="sum")
            assert counts == {"ce": 5}
        else:
            expected = F.cross_entropy(output.token_logits, batch.answer_ids, reduction="sum")
            assert counts == {"ce": len(batch.answer_ids)}
            assert output.token_logits.shape[-1] > 2
        torch.testing.assert_close(sums["ce"], expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 2.0, 8.0])
def test_cached_labels_are_a_live_teacher(teacher, bert, labels, data, kind, temperature):
    student, tokenizer = loaded(bert, CLASSIFY, "encoder")
    beta = {"beta": 0.3} if kind == "jsd" else {}
    method = make("kd1", setup(student, tokenizer, labels), temperature=temperature, alpha=0.3, divergence=kind, **beta)
    batch = batch_of(data, tokenizer, student)
    counts, sums = evaluate(method, student, batch)
    live, live_tokenizer = loaded(teacher, CLASSIFY)
    teacher_logits = live(batch_of(data, live_tokenizer, live)).label_logits
    expected = divergence(
        kind, log_softmax(teacher_logits, temperature), log_softmax(student(batch).label_logits, temperature), 0.3
    )
    torch.testing.assert_close(sums["kd"], expected.sum(), rtol=1e-4, atol=1e-5)
    assert counts == {"ce": 5, "kd": 8}
    assert method.weights == {"ce": 0.7, "kd": pytest.approx(0.3 * temperature**2)}


def test_centred_labels(teacher, bert, labels, data):
    student, tokenizer = loaded(bert, CLASSIFY, "encoder")
    method = make("kd1", setup(student, tokenizer, labels, centre=True), alpha=1.0)
    batch = batch_of(data, tokenizer, student)
    _, sums = evaluate(method, student, batch)
    live, live_tokenizer = loaded(teacher, CLASSIFY)
    logits = live(batch_of(data, live_tokenizer, live)).label_logits
    centred = logits - logits[data["label"].to_numpy() < 0].mean(0)
    expected = divergence("forward_kl", log_softmax(centred, 2.0), log_softmax(student(batch).label_logits, 2.0), 0.5)
    torch.testing.assert_close(sums["kd"], expected.sum(), rtol=1e-4, atol=1e-5)
    assert set(method.weights) == {"kd"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_cached_tokens_at_full_k_are_a_live_teacher(teacher, small, full_tokens, data, kind, temperature):
    student, tokenizer = loaded(small, GENERATE)
    method = make("kd1", setup(student, tokenizer, full_tokens), temperature=temperature, divergence=kind)
    batch = batch_of(data, tokenizer, student)
    counts, sums = evaluate(method, student, batch)
    live, _ = loaded(teacher, GENERATE)
    teacher_logits, student_logits = live(batch).token_logits, student(batch).token_logits
    expected = divergence(kind, log_softmax(teacher_logits, temperature), log_softmax(student_logits, temperature), 0.5)
    torch.testing.assert_close(sums["kd"], expected.sum(), rtol=1e-4, atol=1e-4)
    assert counts["ce"] == counts["kd"] == len(batch.answer_ids)


def test_a_student_equal_to_its_teacher_has_no_distance(teacher, tokens, data):
    student, tokenizer = loaded(teacher, GENERATE)
    for kind in KINDS:
        method = make("kd1", setup(student, tokenizer, tokens), divergence=kind)
        _, sums = evaluate(method, student, batch_of(data, tokenizer, student))
        assert abs(sums["kd"].item()) < 1e-4


def test_gradient_at_a_student_equal_to_its_teacher_is_zero(teacher, tokens, data):
    student, tokenizer = loaded(teacher, GENERATE)
    _, sums = evaluate(make("kd1", setup(student, tokenizer, tokens)), student, batch_of(data, tokenizer, student))
    sums["kd"].backward()
    worst = max(p.grad.abs().max().item() for p in student.parameters() if p.grad is not None)
    sums = evaluate(make("b0", setup(student, tokenizer, {})), student, batch_of(data, tokenizer, student))[1]
    student.zero_grad()
    sums["ce"].backward()
    assert worst < 1e-4 * max(p.grad.abs().max().item() for p in student.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ["labels", "tokens", "uld", "last", "mean", "each"])
def test_padding_order_and_micro_batches_do_not_matter(name, folder, teacher, small, labels, tokens, data):
    task = CLASSIFY if name in ("labels", "last", "mean", "each") else GENERATE
    student, tokenizer = loaded(small, task)
    if name in ("last", "mean", "each"):
        pooling = "tokens" if name == "each" else name
        hidden = {"hidden_states": stored_hidden(folder, teacher, data, pooling)}
        method = make("kd3", setup(student, tokenizer, hidden), pooling=pooling)
    else:
        options = {"alignment": "uld"} if name == "uld" else {}
        method = make("kd1", setup(student, tokenizer, labels | tokens), **options)
    items = encode_examples(data, tokenizer, task, DECODER)

    def total(batches):
        counts, sums = zip(*(evaluate(method, student, batch) for batch in batches), strict=True)
        add = lambda rows, key: sum(row[key] for row in rows)  # noqa: E731
        return {key: (add(counts, key), add(sums, key).item()) for key in counts[0]}

    whole = total([collate(items, 0)])
    alone = total([collate([item], 0) for item in items])
    turned = collate(items[::-1], 0)
    padded = collate(items, 0)
    padded.input_ids = F.pad(padded.input_ids, (0, 7), value=0)
    padded.attention_mask = F.pad(padded.attention_mask, (0, 7), value=0)
    for other in (alone, total([turned]), total([padded])):
        for key, (count, value) in whole.items():
            assert other[key][0] == count
            assert other[key][1] == pytest.approx(value, rel=1e-4, abs=1e-5)
    twice = total([collate(items, 0), collate(items, 0)])
    for key, (count, value) in whole.items():
        assert twice[key][1] / twice[key][0] == pytest.approx(value / count, rel=1e-4)


def test_a_batch_without_answers_is_zero_with_a_finite_gradient(small, tokens, data):
    student, tokenizer = loaded(small, GENERATE)
    for options in ({}, {"alignment": "uld"}):
        method = make("kd1", setup(student, tokenizer, tokens), **options)
        counts, sums = evaluate(method, student, batch_of(data.iloc[5:], tokenizer, student))
        assert counts == {"ce": 0, "kd": 0}
        sum(sums.values()).backward()
        assert all(torch.isfinite(p.grad).all() for p in student.parameters() if p.grad is not None)
        assert all(value.item() == 0 for value in sums.values())


def test_another_tokenizer_is_refused_without_alignment(foreign, tokens):
    student, tokenizer = loaded(foreign, GENERATE)
    with pytest.raises(ArtefactError, match="alignment: uld"):
        make("kd1", setup(student, tokenizer, tokens))


def test_uld_matches_answers_position_by_position(folder, teacher, foreign, data):
    """Answers of different numbers of tokens: the longer one's surplus has no partner."""
    answers = [["a great film"], ["fünf Äpfel"], ["négatif"], ["it"], ["of the worst"], [], [], []]
    data = data.assign(answers=answers)
    full_tokens = {"token_logits": store(folder / "uld", teacher, GENERATE, TokenLogits(top_k=10**6), data)}
    student, tokenizer = loaded(foreign, GENERATE)
    method = make("kd1", setup(student, tokenizer, full_tokens), alignment="uld", temperature=2.0)
    batch = batch_of(data, tokenizer, student)
    counts, sums = evaluate(method, student, batch)
    live, live_tokenizer = loaded(teacher, GENERATE)
    theirs = batch_of(data, live_tokenizer, live)
    t, s = log_softmax(live(theirs).token_logits, 2.0), student(batch).token_logits
    expected, pairs = 0.0, 0
    for row in range(5):
        a, b = t[theirs.positions[:, 0] == row], s[batch.positions[:, 0] == row]
        shorter = min(len(a), len(b))
        pairs += shorter
        expected += uld(a[:shorter].sort(-1, descending=True).values, b[:shorter], 2.0).sum()
    torch.testing.assert_close(sums["kd"], expected, rtol=1e-4, atol=1e-4)
    assert counts["kd"] == pairs < max(len(t), len(s))
    assert method.weights["kd"] == 0.5 * 2.0


def test_kd2_teaches_the_teachers_class(teacher, bert, labels, data):
    student, tokenizer = loaded(bert, CLASSIFY, "encoder")
    live, live_tokenizer = loaded(teacher, CLASSIFY)
    expected = live(batch_of(data, live_tokenizer, live)).label_logits.argmax(-1)
    pure = make("kd2", setup(student, tokenizer, labels))
    assert batch_of(data, tokenizer, student, pure.answers(data)).labels.tolist() == expected.tolist()
    mixed = make("kd2", setup(student, tokenizer, labels), gold="mixed")
    found = batch_of(data, tokenizer, student, mixed.answers(data)).labels.tolist()
    assert found == data["label"].tolist()[:5] + expected.tolist()[5:]


def test_kd2_teaches_the_teachers_text(folder, teacher, foreign, data):
    shards = {"generations": store(folder / "texts", teacher, GENERATE, Generations(), data)}
    student, tokenizer = loaded(foreign, GENERATE)
    method = make("kd2", setup(student, tokenizer, shards))
    live, live_tokenizer = loaded(teacher, GENERATE)
    items = encode_examples(data, live_tokenizer, GENERATE, DECODER)
    expected = [answer.text for answer in live.generate(items, live_tokenizer, max_new_tokens=8)]
    assert [method.answers(data)[key] for key in data["example_id"]] == expected
    assert set(make("kd2", setup(student, tokenizer, shards), gold="mixed").answers(data)) == set(
        data["example_id"][5:]
    )
    with pytest.raises(ArtefactError, match="no row for example"):
        method.answers(data.assign(example_id="0" * 16))


@pytest.mark.parametrize("pooling", ["last", "mean", "tokens"])
@pytest.mark.parametrize("distance", ["normalised", "plain"])
@pytest.mark.parametrize("states", ["standardised", "raw"])
def test_kd3_is_the_distance_to_a_live_teachers_states(folder, teacher, small, data, pooling, distance, states):
    hidden = {"hidden_states": stored_hidden(folder, teacher, data, pooling)}
    student, tokenizer = loaded(small, CLASSIFY)
    method = make(
        "kd3", setup(student, tokenizer, hidden), pooling=pooling, distance=distance, states=states, weight=3.0
    )
    batch = batch_of(data, tokenizer, student)
    counts, sums = evaluate(method, student, batch)
    live, _ = loaded(teacher, CLASSIFY)
    theirs, ours = live.hidden_states(batch), student.hidden_states(batch)
    expected = 0.0
    for (below, above), projection in zip([(1, 2), (2, 4)], method.modules, strict=True):
        s, t = student.pool(ours[below], batch, pooling), live.pool(theirs[above], batch, pooling)
        if pooling == "tokens":
            s, t = s[batch.attention_mask.bool()], t[batch.attention_mask.bool()]
        s = projection(s)
        if states == "standardised":  # the batch holds all stored examples
            t = torch.from_numpy(StandardScaler().fit_transform(t.detach().double().numpy())).float()
        if distance == "normalised":
            expected += (2 - 2 * F.cosine_similarity(s, t)).sum()
        else:
            expected += F.mse_loss(s, t, reduction="sum") / s.shape[-1]
    torch.testing.assert_close(sums["feature"], expected, rtol=5e-3, atol=1e-3)  # stored in float16
    units = batch.attention_mask.sum().item() if pooling == "tokens" else 8
    assert counts == {"ce": len(batch.answer_ids), "feature": 2 * units}
    assert method.weights == {"ce": 1.0, "feature": 3.0}


def test_kd3_with_labels_and_different_tokenizers(folder, teacher, bert, labels, data):
    shards = {"hidden_states": stored_hidden(folder, teacher, data, "last"), **labels}
    student, tokenizer = loaded(bert, CLASSIFY, "encoder")
    method = make("kd3", setup(student, tokenizer, shards), alpha=0.4, temperature=3.0)
    counts, sums = evaluate(method, student, batch_of(data, tokenizer, student))
    assert counts == {"ce": 5, "feature": 16, "kd": 8}
    assert method.weights == {"ce": 0.6, "feature": 1.0, "kd": pytest.approx(0.4 * 9)}
    sum(sums.values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in method.modules.parameters())


def test_projections_depend_on_the_seed_alone(folder, teacher, small, data):
    hidden = {"hidden_states": stored_hidden(folder, teacher, data, "last")}
    student, tokenizer = loaded(small, CLASSIFY)
    setting = setup(student, tokenizer, hidden)
    torch.rand(7)
    a = make("kd3", setting).modules.state_dict()
    torch.rand(7)
    b = make("kd3", setting).modules.state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(
    ("layer_map", "student", "teacher", "expected"),
    [
        ("uniform", 3, 12, [(1, 4), (2, 8), (3, 12)]),
        ("uniform", 6, 12, [(1, 2), (2, 4), (3, 6), (4, 8), (5, 10), (6, 12)]),
        ("uniform", 2, 2, [(1, 1), (2, 2)]),
        ("uniform", 3, 1, [(1, 1), (2, 1), (3, 1)]),
        ("skip", 3, 12, [(1, 4), (2, 8)]),
        ("last", 3, 12, [(1, 10), (2, 11), (3, 12)]),
        ("last", 4, 2, [(3, 1), (4, 2)]),
        ("0:0,2:7", 3, 12, [(0, 0), (2, 7)]),
    ],
)
def test_layer_maps(layer_map, student, teacher, expected):
    assert layer_pairs(layer_map, student, range(teacher + 1)) == expected


def test_layer_maps_over_chosen_layers():
    assert layer_pairs("uniform", 2, [6, 12]) == [(1, 6), (2, 12)]
    assert layer_pairs("last", 2, [0, 6, 9, 12]) == [(1, 9), (2, 12)]


@pytest.mark.parametrize(
    ("layer_map", "student", "stored"), [("4:1", 3, [1]), ("1:2", 3, [1]), ("skip", 1, [1]), ("last", 1, [0])]
)
def test_layer_maps_that_cannot_be(layer_map, student, stored):
    with pytest.raises(ConfigError, match="layer_map"):
        layer_pairs(layer_map, student, stored)
