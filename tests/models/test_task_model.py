"""Logits where the task needs them: against Hugging Face's own forward pass, whatever is padded."""

import pytest
import torch
from potstill.errors import DataError
from potstill.models.adapters import add_lora
from potstill.models.encode import collate, encode_examples, prompt_only
from potstill.models.task_model import TaskModel, _GumbelNoise
from potstill.plan.specs.train import Lora
from scipy.stats import chi2
from tiny_models import (
    CLASSIFY,
    DECODER,
    ENCODER,
    GENERATE,
    bert_directory,
    examples,
    gpt2_directory,
    llama_config,
    llama_directory,
    loaded,
    random_model,
)
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
MAKERS = {"llama": llama_directory, "gpt2": gpt2_directory}
SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


@pytest.fixture(scope="module", params=MAKERS)
def decoder_directory(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def encoder_directory(tmp_path_factory):
    return bert_directory(tmp_path_factory.mktemp("bert"))


def encoded(tokenizer, task=CLASSIFY, view=DECODER, n=8):
    return encode_examples(examples(n), tokenizer, task, view)


@torch.inference_mode()
def test_token_logits_are_hugging_faces_at_the_answer_positions(decoder_directory):
    model, tokenizer = loaded(decoder_directory, GENERATE)
    items = encoded(tokenizer, GENERATE)
    found = model(collate(items, tokenizer.pad_token_id)).token_logits
    reference = AutoModelForCausalLM.from_pretrained(decoder_directory).eval()
    row = 0
    for item in items:
        logits = reference(torch.tensor([item.input_ids])).logits[0]
        for j in range(len(item.answer_ids)):
            torch.testing.assert_close(found[row], logits[item.answer_start + j], **CLOSE)
            row += 1
    assert row == len(found) > len(items)


@torch.inference_mode()
def test_label_logits_are_those_of_the_verbalizers_first_tokens(decoder_directory):
    model, tokenizer = loaded(decoder_directory)
    items = encoded(tokenizer)
    out = model(collate(items, tokenizer.pad_token_id))
    reference = AutoModelForCausalLM.from_pretrained(decoder_directory).eval()
    for found, item in zip(out.label_logits, items, strict=True):
        prompt = torch.tensor([item.input_ids[: item.answer_start + 1]])
        torch.testing.assert_close(found, reference(prompt).logits[0, -1, list(item.choice_ids)], **CLOSE)


@torch.inference_mode()
@pytest.mark.parametrize("task", [CLASSIFY, GENERATE], ids=["classification", "generation"])
def test_padding_and_batch_composition_do_not_matter_for_a_decoder(decoder_directory, task):
    model, tokenizer = loaded(decoder_directory, task)
    items = encoded(tokenizer, task)
    together = model(collate(items, tokenizer.pad_token_id), with_hidden=True)
    noise = model(collate(items, 7), with_hidden=True)  # another token as padding
    alone = [model(collate([item], tokenizer.pad_token_id), with_hidden=True) for item in items]
    torch.testing.assert_close(together.token_logits, noise.token_logits, rtol=0, atol=0)
    torch.testing.assert_close(together.token_logits, torch.cat([out.token_logits for out in alone]), **CLOSE)
    if task is CLASSIFY:
        torch.testing.assert_close(together.label_logits, torch.cat([out.label_logits for out in alone]), **CLOSE)
    for layer, states in enumerate(together.hidden):
        for row, (item, out) in enumerate(zip(items, alone, strict=True)):
            torch.testing.assert_close(states[row, : len(item.input_ids)], out.hidden[layer][0], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_padding_and_batch_composition_do_not_matter_for_an_encoder(encoder_directory):
    model, tokenizer = loaded(encoder_directory, architecture="encoder")
    items = encoded(tokenizer, view=ENCODER)
    together = model(collate(items, tokenizer.pad_token_id)).label_logits
    alone = torch.cat([model(collate([item], tokenizer.pad_token_id)).label_logits for item in items])
    torch.testing.assert_close(together, alone, **CLOSE)
    torch.testing.assert_close(together, model(collate(items, 7)).label_logits, **CLOSE)


@torch.inference_mode()
def test_a_taught_answer_does_not_change_what_is_read_at_the_prompts_end(decoder_directory):
    task = CLASSIFY.model_copy(update={"verbalizers": ("dull", "moving , funny and true")})
    model, tokenizer = loaded(decoder_directory, task)
    items = encoded(tokenizer, task)
    assert any(len(item.answer_ids) > 1 for item in items)
    taught = model(collate(items, tokenizer.pad_token_id)).label_logits
    asked = model(collate([prompt_only(item) for item in items], tokenizer.pad_token_id)).label_logits
    torch.testing.assert_close(taught, asked, **CLOSE)


@torch.inference_mode()
def test_hidden_states_are_hugging_faces(decoder_directory, encoder_directory):
    for directory, view in ((decoder_directory, DECODER), (encoder_directory, ENCODER)):
        model, tokenizer = loaded(directory, architecture=view.architecture)
        items = encoded(tokenizer, view=view, n=1)
        batch = collate(items, tokenizer.pad_token_id)
        reference = model.model(input_ids=batch.input_ids, output_hidden_states=True).hidden_states
        assert len(reference) == model.n_layers + 1
        for found in (model(batch, with_hidden=True).hidden, model.hidden_states(batch)):
            assert all(torch.equal(a, b) for a, b in zip(found, reference, strict=True))
            assert found[0].shape == (*batch.input_ids.shape, model.hidden_size)


@torch.inference_mode()
def test_pooling_sees_the_prompt_alone_and_no_padding(decoder_directory, encoder_directory):
    for directory, view in ((decoder_directory, DECODER), (encoder_directory, ENCODER)):
        model, tokenizer = loaded(directory, architecture=view.architecture)
        items = encoded(tokenizer, view=view)
        batch = collate(items, tokenizer.pad_token_id)
        hidden = torch.randn(*batch.input_ids.shape, 5)
        for row, item in enumerate(items):
            end = item.answer_start + 1 if view is DECODER else len(item.input_ids)
            expected = hidden[row, :end].mean(0)
            torch.testing.assert_close(model.pool(hidden, batch, "mean")[row], expected)
            assert torch.equal(model.pool(hidden, batch, "last")[row], hidden[row, item.answer_start])
        assert model.pool(hidden, batch, "tokens") is hidden


def test_a_batch_without_answers_has_no_token_logits(decoder_directory):
    model, tokenizer = loaded(decoder_directory)
    items = encode_examples(examples(labelled=False), tokenizer, CLASSIFY, DECODER)
    out = model(collate(items, tokenizer.pad_token_id))
    assert out.token_logits.shape == (0, model.model.config.vocab_size)
    assert out.label_logits.shape == (len(items), 2)


@torch.inference_mode()
def test_greedy_generation_is_the_argmax_of_each_next_token(decoder_directory):
    model, tokenizer = loaded(decoder_directory, GENERATE)
    items = encoded(tokenizer, GENERATE)
    reference = AutoModelForCausalLM.from_pretrained(decoder_directory).eval()
    for item, found in zip(items, model.generate(items, tokenizer, max_new_tokens=6), strict=True):
        ids, new = list(item.input_ids[: item.answer_start + 1]), []
        while len(new) < 6:
            new.append(int(reference(torch.tensor([ids + new])).logits[0, -1].argmax()))
            if new[-1] == tokenizer.eos_token_id:
                break
        finished = new[-1] == tokenizer.eos_token_id
        assert (found.n_tokens, found.finished) == (len(new), finished)
        assert found.text == tokenizer.decode(new[:-1] if finished else new).strip()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_generation_does_not_depend_on_the_batch(decoder_directory, temperature):
    model, tokenizer = loaded(decoder_directory, GENERATE)
    items = encoded(tokenizer, GENERATE)
    settings = {"max_new_tokens": 6, "temperature": temperature, "top_p": 0.95, "seed": 3}
    together = model.generate(items, tokenizer, **settings)
    assert together == [model.generate([item], tokenizer, **settings)[0] for item in items]
    assert together[::-1] == model.generate(items[::-1], tokenizer, **settings)


def test_sampling_draws_from_the_models_distribution(decoder_directory):
    """First tokens of 2,000 draws against softmax(logits / T), chi-squared with a false-alarm probability of 1e-6."""
    model, tokenizer = loaded(decoder_directory, GENERATE)
    item = prompt_only(encoded(tokenizer, GENERATE, n=1)[0])
    with torch.inference_mode():
        logits = model.model(torch.tensor([item.input_ids])).logits[0, -1]
    # A temperature at which a handful of tokens share the mass.
    temperature = 4.0 * float(logits.std())
    probabilities = torch.softmax(logits / temperature, -1).double()
    counts = torch.zeros(len(probabilities), dtype=torch.float64)
    draws = 2000
    noise = _GumbelNoise([f"draw {i}" for i in range(draws)], 0, len(item.input_ids))
    drawn = noise(torch.zeros(draws, len(item.input_ids)), (logits / temperature).expand(draws, -1)).argmax(-1)
    counts += torch.bincount(drawn, minlength=len(probabilities))
    # Tokens expected fewer than 5 times share one cell.
    expected = probabilities * draws
    large = expected >= 5
    cells = torch.cat([expected[large], expected[~large].sum()[None]])
    found = torch.cat([counts[large], counts[~large].sum()[None]])
    keep = cells > 0
    statistic = float((((found - cells) ** 2) / cells)[keep].sum())
    assert statistic < chi2.isf(1e-6, int(keep.sum()) - 1)


@torch.inference_mode()
def test_a_saved_student_is_a_normal_causal_language_model(decoder_directory, tmp_path):
    model, tokenizer = loaded(decoder_directory)
    model.save(tmp_path / "student", tokenizer)
    batch = collate(encoded(tokenizer), tokenizer.pad_token_id)
    student = AutoModelForCausalLM.from_pretrained(tmp_path / "student").eval()
    plain = AutoTokenizer.from_pretrained(tmp_path / "student")
    item = encode_examples(examples(1), plain, CLASSIFY, DECODER)[0]
    logits = student(torch.tensor([item.input_ids])).logits[0, item.answer_start, list(item.choice_ids)]
    torch.testing.assert_close(model(batch).label_logits[0], logits, **CLOSE)


@torch.inference_mode()
def test_a_saved_encoder_is_a_normal_sequence_classifier(encoder_directory, tmp_path):
    model, tokenizer = loaded(encoder_directory, architecture="encoder")
    model.save(tmp_path / "student", tokenizer)
    student = AutoModelForSequenceClassification.from_pretrained(tmp_path / "student").eval()
    assert student.config.id2label == {0: "negative", 1: "positive"}
    plain = AutoTokenizer.from_pretrained(tmp_path / "student")
    table = examples()
    logits = student(**plain(list(table["text"]), padding=True, return_tensors="pt")).logits
    batch = collate(encode_examples(table, tokenizer, CLASSIFY, ENCODER), tokenizer.pad_token_id)
    torch.testing.assert_close(model(batch).label_logits, logits, **CLOSE)


@pytest.mark.parametrize("architecture", ["decoder", "encoder"])
def test_adapters_start_as_nothing_and_merge_into_what_they_became(architecture, tmp_path):
    directory = (llama_directory if architecture == "decoder" else bert_directory)(tmp_path / "model")
    view = DECODER if architecture == "decoder" else ENCODER
    model, tokenizer = loaded(directory, architecture=architecture)
    batch = collate(encoded(tokenizer, view=view), tokenizer.pad_token_id)
    before, weights = model(batch).label_logits.detach(), model.parameter_count()
    add_lora(model, Lora(rank=2, alpha=4, target_modules="all-linear"))
    torch.testing.assert_close(model(batch).label_logits, before, **CLOSE)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all("lora_" in name or "classifier" in name for name in trainable)
    assert any("classifier" in name for name in trainable) == (architecture == "encoder")
    assert 0 < model.parameter_count(trainable=True) < model.parameter_count()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    adapted = model(batch).label_logits.detach()
    assert not torch.allclose(adapted, before, atol=1e-2)
    model.save(tmp_path / "student", tokenizer)
    assert model.parameter_count() == weights
    torch.testing.assert_close(model(batch).label_logits.detach(), adapted, rtol=1e-3, atol=1e-4)
    student, _ = loaded(tmp_path / "student", architecture=architecture)
    torch.testing.assert_close(student(batch).label_logits.detach(), adapted, rtol=1e-3, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (Gemma2ForCausalLM, Gemma2Config(**SMALL, final_logit_softcapping=5.0, sliding_window=8)),
        (GraniteForCausalLM, GraniteConfig(**{k: v for k, v in SMALL.items() if k != "head_dim"}, logits_scaling=3.0)),
        (CohereForCausalLM, CohereConfig(**{k: v for k, v in SMALL.items() if k != "head_dim"}, logit_scale=0.25)),
        (Qwen2ForCausalLM, Qwen2Config(**{k: v for k, v in SMALL.items() if k != "head_dim"})),
    ],
    ids=["gemma2 softcap", "granite scaling", "cohere scale", "qwen2"],
)
def test_what_a_family_does_after_its_head_is_done_here_too(kind, config):
    reference = random_model(kind, config)
    model = TaskModel(reference, "decoder", GENERATE)
    ids = torch.arange(3, 15)[None]
    states = reference.model(input_ids=ids).last_hidden_state[0]
    torch.testing.assert_close(model._head(states), reference(input_ids=ids).logits[0], **CLOSE)


def test_an_unknown_step_after_the_head_is_refused():
    class Doubled(LlamaForCausalLM):
        def forward(self, *args, **kwargs):
            out = super().forward(*args, **kwargs)
            out.logits = out.logits * 2
            return out

    with pytest.raises(DataError, match="Doubled"):
        TaskModel(random_model(Doubled, llama_config(64)), "decoder", GENERATE)
