"""Predictions: whatever the batches, in the order of the examples, calibrated or not."""

import numpy as np
import pytest
import torch
from potstill.evaluation.predict import predict
from potstill.models.encode import collate, encode_examples
from potstill.tables import read_frame, write_table
from tiny_models import CLASSIFY, DECODER, ENCODER, GENERATE, bert_directory, examples, llama_directory, loaded

DIRECTORIES = {"decoder": llama_directory, "encoder": bert_directory}


@pytest.fixture(scope="module", params=DIRECTORIES)
def classifier(request, tmp_path_factory):
    directory = DIRECTORIES[request.param](tmp_path_factory.mktemp(request.param))
    return *loaded(directory, architecture=request.param), DECODER if request.param == "decoder" else ENCODER


def test_logits_are_the_models_and_the_largest_decides(classifier):
    model, tokenizer, view = classifier
    table = examples()
    found = predict(model, tokenizer, table, CLASSIFY, token_budget=100)
    batch = collate(encode_examples(table, tokenizer, CLASSIFY, view), tokenizer.pad_token_id)
    with torch.inference_mode():
        expected = model(batch).label_logits.numpy()
    assert list(found.columns) == ["example_id", "label", "logits", "text", "n_tokens"]
    assert list(found["example_id"]) == list(table["example_id"])
    np.testing.assert_allclose(np.stack(found["logits"]), expected, rtol=1e-4, atol=1e-5)
    assert list(found["label"]) == list(expected.argmax(1))
    assert list(found["text"]) == [CLASSIFY.verbalizers[label] for label in expected.argmax(1)]
    assert (found["n_tokens"] == 0).all()
    assert found["label"].dtype == found["n_tokens"].dtype == np.int32


def test_the_bias_is_subtracted_before_the_decision(classifier):
    model, tokenizer, _ = classifier
    table = examples()
    raw = predict(model, tokenizer, table, CLASSIFY, token_budget=100)
    bias = np.array([1.5, -1000.0], dtype=np.float32)
    shifted = predict(model, tokenizer, table, CLASSIFY, token_budget=100, calibration_bias=bias)
    np.testing.assert_allclose(np.stack(shifted["logits"]), np.stack(raw["logits"]) - bias, rtol=1e-5, atol=1e-4)
    assert (shifted["label"] == 1).all()


@pytest.mark.parametrize("budget", [1, 60, 10_000])
def test_batches_do_not_matter(classifier, budget):
    model, tokenizer, _ = classifier
    reference = predict(model, tokenizer, examples(), CLASSIFY, token_budget=100)
    table = examples().iloc[::-1].reset_index(drop=True)
    found = predict(model, tokenizer, table, CLASSIFY, token_budget=budget).iloc[::-1]
    assert list(found["label"]) == list(reference["label"])
    np.testing.assert_allclose(np.stack(found["logits"]), np.stack(reference["logits"]), rtol=1e-4, atol=1e-5)


def test_gold_answers_are_not_read(classifier):
    model, tokenizer, _ = classifier
    labelled = predict(model, tokenizer, examples(), CLASSIFY, token_budget=100)
    unlabelled = predict(model, tokenizer, examples(labelled=False), CLASSIFY, token_budget=100)
    assert np.array_equal(np.stack(labelled["logits"]), np.stack(unlabelled["logits"]))


def test_a_model_in_training_goes_on_training(classifier):
    model, tokenizer, _ = classifier
    model.train()
    predict(model, tokenizer, examples(2), CLASSIFY, token_budget=100)
    assert model.training
    model.eval()


def test_generated_answers_do_not_depend_on_batches(tmp_path):
    model, tokenizer = loaded(llama_directory(tmp_path), GENERATE)
    small = predict(model, tokenizer, examples(), GENERATE, token_budget=1)
    large = predict(model, tokenizer, examples(), GENERATE, token_budget=10_000)
    assert small["text"].tolist() == large["text"].tolist()
    assert small["n_tokens"].tolist() == large["n_tokens"].tolist()
    assert small["n_tokens"].between(1, GENERATE.max_answer_tokens).all()
    assert (small["label"] == -1).all()
    assert all(len(logits) == 0 for logits in small["logits"])


def test_predictions_can_be_stored_and_read(classifier, tmp_path):
    model, tokenizer, _ = classifier
    found = predict(model, tokenizer, examples(), CLASSIFY, token_budget=100)
    write_table(found, tmp_path / "p.parquet")
    again = read_frame(tmp_path / "p.parquet")
    assert again["logits"][0].dtype == np.float32
    np.testing.assert_array_equal(np.stack(again["logits"]), np.stack(found["logits"]))
