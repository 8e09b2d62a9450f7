"""Sizes against counts by hand, speed against a model of known pace, memory against an allocation of known size."""

import time

import numpy as np
import pytest
import torch
from potstill.evaluation import efficiency
from potstill.evaluation.efficiency import PeakMemory, environment, measure_size, measure_speed
from potstill.models.encode import encode_examples, prompt_only
from potstill.models.task_model import Generated
from tiny_models import (
    CLASSIFY,
    CPU,
    DECODER,
    GENERATE,
    byte_level_tokenizer,
    examples,
    gpt2_directory,
    llama_config,
    llama_directory,
    loaded,
    random_model,
    save,
)
from transformers import LlamaForCausalLM


def prompts(tokenizer, task=CLASSIFY, n=8):
    return [prompt_only(item) for item in encode_examples(examples(n), tokenizer, task, DECODER)]


def test_sizes_are_those_of_the_configuration(tmp_path):
    model, tokenizer = loaded(llama_directory(tmp_path))
    size = measure_size(model, tmp_path)
    # Per layer q, k, v, o, gate, up, down and two norms; one norm at the end; tied embeddings counted once.
    layer = 32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 64 + 2 * 32
    assert size["parameters_without_embeddings"] == 2 * layer + 32
    assert size["parameters"] == 2 * layer + 32 + len(tokenizer) * 32
    assert size["bytes_on_disk"] == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_untied_output_embeddings_count_as_embeddings(tmp_path):
    tokenizer = byte_level_tokenizer()
    config = llama_config(len(tokenizer), tie_word_embeddings=False)
    model, _ = loaded(save(tmp_path, random_model(LlamaForCausalLM, config), tokenizer))
    size = measure_size(model, tmp_path)
    assert size["parameters"] - size["parameters_without_embeddings"] == 2 * len(tokenizer) * 32


class Slow:
    """Stands for a model that needs 10 ms a batch, and counts its calls."""

    def __init__(self, task):
        self.task, self.device, self.batches = task, CPU, []

    def eval(self):
        return self

    def __call__(self, batch):
        self.batches.append(len(batch.example_ids))
        time.sleep(0.01)

    def generate(self, items, tokenizer, *, max_new_tokens):
        self.batches.append(len(items))
        time.sleep(0.01)
        return [Generated("", max_new_tokens, False)] * len(items)


@pytest.mark.parametrize("task", [CLASSIFY, GENERATE], ids=["classification", "generation"])
def test_latency_and_throughput_of_a_model_with_a_known_pace(task):
    tokenizer = byte_level_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token
    items, model = prompts(tokenizer, task), Slow(task)
    speed = measure_speed(model, tokenizer, items, batch_size=4, warmup=2, repeats=3)
    # Two passes and one batch to warm up, eight examples one by one and two batches of four, three times each.
    assert model.batches == [1, 1] + [1] * 24 + [4] + [4, 4] * 3
    assert len(speed["latencies_ms"]) == 24
    assert min(speed["latencies_ms"]) >= 10
    assert speed["latency_ms_p50"] == np.percentile(speed["latencies_ms"], 50) <= speed["latency_ms_p95"]
    # Sleeping never takes less than 10 ms; a busy machine makes it slower, not faster.
    assert 0 < speed["throughput_examples_per_s"] <= 8 / 0.02
    tokens = 8 * 8 if task is GENERATE else sum(len(item.input_ids) for item in items)
    assert speed["throughput_tokens_per_s"] == pytest.approx(speed["throughput_examples_per_s"] * tokens / 8)


@pytest.mark.parametrize("task", [CLASSIFY, GENERATE], ids=["classification", "generation"])
def test_a_real_model_is_measured(tmp_path, task):
    model, tokenizer = loaded(gpt2_directory(tmp_path), task)
    speed = measure_speed(model, tokenizer, prompts(tokenizer, task, 3), batch_size=2, warmup=1, repeats=1)
    assert len(speed["latencies_ms"]) == 3
    assert all(np.isfinite(value) and value > 0 for value in speed["latencies_ms"])


def test_peak_memory_remembers_what_was_given_back():
    with PeakMemory(CPU) as peak:
        block = torch.ones(64 * 1024 * 1024 // 4)  # 64 MiB, touched
        time.sleep(0.05)
        del block
        time.sleep(0.05)
        found = peak.mb()
    assert 60 <= found <= 120


def test_the_environment_says_what_was_measured_on(monkeypatch):
    found = environment(CPU, "fp32")
    assert found["device"] == "cpu"
    assert found["cpu"]
    assert found["threads"] == torch.get_num_threads()
    assert (found["precision"], found["torch"]) == ("fp32", torch.__version__)
    monkeypatch.setattr(efficiency.os.path, "exists", lambda path: False)
    assert environment(CPU, "fp32")["cpu"]
