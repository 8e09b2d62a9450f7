"""Prompt, answer, causal shift, truncation, batches: on three kinds of tokenizers."""

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from potstill.errors import DataError
from potstill.models.batch import Encoded
from potstill.models.encode import collate, encode_examples, prompt_only, token_budget_batches
from potstill.plan.specs.task import TaskView
from tiny_models import (
    CLASSIFY,
    DECODER,
    ENCODER,
    GENERATE,
    byte_level_tokenizer,
    examples,
    sentencepiece_tokenizer,
    wordpiece_tokenizer,
)

DECODER_TOKENIZERS = {"byte level": byte_level_tokenizer(), "sentencepiece": sentencepiece_tokenizer()}


@pytest.fixture(params=DECODER_TOKENIZERS)
def tokenizer(request):
    return DECODER_TOKENIZERS[request.param]


def row(prompt: str, answer: str | None = None, label: int = -1) -> pd.DataFrame:
    answers = [] if answer is None else [answer]
    return pd.DataFrame(
        [{"example_id": "e", "text": prompt, "prompt": prompt, "answers": answers, "label": label, "choices": []}]
    )


def test_a_taught_sequence_is_the_tokenizers_own_tokens_of_prompt_and_answer(tokenizer):
    (item,) = encode_examples(row("Review: dull\nSentiment:", "a mess"), tokenizer, GENERATE, DECODER)
    whole = tokenizer("Review: dull\nSentiment: a mess")["input_ids"] + [tokenizer.eos_token_id]
    assert [*item.input_ids, item.answer_ids[-1]] == whole
    # The causal shift: the logits at answer_start + j predict answer_ids[j], the next token of the sequence.
    for j, token in enumerate(item.answer_ids):
        assert whole[item.answer_start + j + 1] == token


def test_an_answer_decodes_to_itself_and_ends_once(tokenizer):
    (item,) = encode_examples(row("Review: dull\nSentiment:", "a mess"), tokenizer, GENERATE, DECODER)
    assert tokenizer.decode(item.answer_ids[:-1]).strip() == "a mess"
    assert item.answer_ids.count(tokenizer.eos_token_id) == 1


@pytest.mark.parametrize("answer", ["positive", " positive"])
@pytest.mark.parametrize("prompt", ["Review: dull\nSentiment:", "Review: dull\nSentiment: "])
def test_one_blank_between_prompt_and_answer_whoever_brings_it(tokenizer, prompt, answer):
    (reference,) = encode_examples(row("Review: dull\nSentiment:", "positive"), tokenizer, GENERATE, DECODER)
    (item,) = encode_examples(row(prompt, answer), tokenizer, GENERATE, DECODER)
    assert item == reference


def test_the_prompt_has_the_same_tokens_whether_an_answer_is_taught_or_asked_for(tokenizer):
    for prompt in ("Review: dull\nSentiment:", "Review: dull\nSentiment: ", "Review: dull\n"):
        (taught,) = encode_examples(row(prompt, "never boring"), tokenizer, GENERATE, DECODER)
        (asked,) = encode_examples(row(prompt), tokenizer, GENERATE, DECODER)
        assert prompt_only(taught) == asked
        assert asked.answer_ids == ()


def test_a_classification_teaches_the_verbalizer_without_end_of_sequence(tokenizer):
    items = encode_examples(examples(), tokenizer, CLASSIFY, DECODER)
    for item, label in zip(items, examples()["label"], strict=True):
        assert item.label == label
        assert tokenizer.decode(item.answer_ids).strip() == CLASSIFY.verbalizers[label]
        assert item.choice_ids[label] == item.answer_ids[0]
        assert tokenizer.eos_token_id not in item.answer_ids


def test_unlabelled_examples_have_choices_but_no_answer(tokenizer):
    for item in encode_examples(examples(labelled=False), tokenizer, CLASSIFY, DECODER):
        assert item.label == -1
        assert item.answer_ids == ()
        assert len(set(item.choice_ids)) == 2


def test_taught_answers_replace_gold_ones(tokenizer):
    table = examples()
    first = table["example_id"][0]
    (item, *others) = encode_examples(table, tokenizer, CLASSIFY, DECODER, {first: " positive"})
    assert table["label"][0] == 0
    assert item.label == 1
    assert [other.label for other in others] == list(table["label"][1:])
    (generated,) = encode_examples(row("Q:", "gold"), tokenizer, GENERATE, DECODER, {"e": "dull"})
    assert tokenizer.decode(generated.answer_ids[:-1]).strip() == "dull"


def test_an_encoder_takes_taught_labels_too():
    table = examples()
    first = table["example_id"][0]
    item = encode_examples(table, wordpiece_tokenizer(), CLASSIFY, ENCODER, {first: "positive"})[0]
    assert (item.label, item.answer_ids, item.answer_start) == (1, (), 0)


def test_an_empty_answer_is_end_of_sequence_alone(tokenizer):
    (item,) = encode_examples(row("Review: dull\nSentiment:", ""), tokenizer, GENERATE, DECODER)
    assert item.answer_ids == (tokenizer.eos_token_id,)


def test_a_long_answer_is_cut_and_not_closed(tokenizer, capsys):
    task = GENERATE.model_copy(update={"max_answer_tokens": 3})
    (item,) = encode_examples(row("Review:", "the plot is long and the jokes are old"), tokenizer, task, DECODER)
    assert len(item.answer_ids) == 3
    assert tokenizer.eos_token_id not in item.answer_ids
    assert "1 of 1 answers" in capsys.readouterr().err


def test_a_decoder_keeps_the_end_of_a_long_prompt_and_its_first_special_token(tokenizer, capsys):
    table = row("Review: " + "a great film , " * 30 + "\nSentiment:", "positive", 1)
    (whole,) = encode_examples(table, tokenizer, CLASSIFY.model_copy(update={"max_input_tokens": 500}), DECODER)
    (item,) = encode_examples(table, tokenizer, CLASSIFY.model_copy(update={"max_input_tokens": 12}), DECODER)
    assert item.answer_start == 11
    kept = 12 if tokenizer.bos_token_id is None else 11
    assert item.input_ids[-kept:] == whole.input_ids[-kept:]
    assert item.answer_ids == whole.answer_ids
    if tokenizer.bos_token_id is not None:
        assert item.input_ids[0] == tokenizer.bos_token_id
    assert "1 of 1 prompts" in capsys.readouterr().err


def test_an_encoder_keeps_the_beginning_and_its_closing_token(capsys):
    tokenizer = wordpiece_tokenizer()
    table = row("a great film " * 30, label=1)
    (item,) = encode_examples(table, tokenizer, CLASSIFY.model_copy(update={"max_input_tokens": 8}), ENCODER)
    assert len(item.input_ids) == 8
    assert item.input_ids[0] == tokenizer.cls_token_id
    assert item.input_ids[-1] == tokenizer.sep_token_id
    assert tokenizer.decode(item.input_ids[1:-1]).startswith("a great film a great")
    assert "1 of 1 texts" in capsys.readouterr().err


def test_verbalizers_that_begin_alike_are_refused_by_name(tokenizer):
    task = TaskView(kind="classification", verbalizers=("good", "good film"), max_input_tokens=64)
    with pytest.raises(DataError, match=r"'good'.*'good film'"):
        encode_examples(examples(), tokenizer, task, DECODER)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"label": 7}, "label 7"), ({"prompt": ""}, "no tokens")],
)
def test_bad_rows_are_named(change, message):
    table = examples(1).assign(**change)
    with pytest.raises(DataError, match=message):
        encode_examples(table, byte_level_tokenizer(), CLASSIFY, DECODER)


def test_a_taught_word_that_is_no_class_is_refused():
    table = examples(1)
    with pytest.raises(DataError, match="'meh' is none of"):
        encode_examples(table, byte_level_tokenizer(), CLASSIFY, DECODER, {table["example_id"][0]: "meh"})


def test_an_encoder_cannot_generate():
    with pytest.raises(DataError, match="encoder"):
        encode_examples(examples(), wordpiece_tokenizer(), GENERATE, ENCODER)


def test_no_examples_give_no_items(tokenizer):
    assert encode_examples(examples().head(0), tokenizer, CLASSIFY, DECODER) == []
    assert encode_examples(examples().head(0), tokenizer, GENERATE, DECODER) == []


def test_collate_pads_right_and_lists_each_answer_position():
    items = [
        Encoded("a", (5, 6, 7, 8), 1, (8, 9), 2, (8, 4)),
        Encoded("b", (5,), -1, (), 0, (8, 4)),
        Encoded("c", (5, 6), 0, (3,), 1, (8, 4)),
    ]
    batch = collate(items, pad_id=8)
    assert batch.input_ids.tolist() == [[5, 6, 7, 8], [5, 8, 8, 8], [5, 6, 8, 8]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]
    assert batch.positions.tolist() == [[0, 2], [0, 3], [2, 1]]
    assert batch.answer_ids.tolist() == [8, 9, 3]
    assert batch.last.tolist() == [2, 0, 1]
    assert batch.choice_ids.tolist() == [[8, 4]] * 3
    moved = batch.to("cpu")
    assert torch.equal(moved.positions, batch.positions)
    assert moved.example_ids == ["a", "b", "c"]


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 100))
def test_batches_hold_each_example_once_within_the_budget(lengths, budget):
    batches = token_budget_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
    order = [index for batch in batches for index in batch]
    assert order == sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
