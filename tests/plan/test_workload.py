"""Estimates of work: against the operations that torch counts, the bytes that autograd keeps, and counts of examples."""

import json
from pathlib import Path

import pytest
import torch
from potstill import artefacts
from potstill.models.adapters import add_lora
from potstill.models.encode import collate, encode_examples
from potstill.plan.counts import ASSUMED_EXAMPLES, answer_tokens, counted
from potstill.plan.nodes import Node
from potstill.plan.shape import shape_of_config
from potstill.plan.specs.train import Lora, TrainingSettings
from potstill.plan.workload import PROCESS_BYTES, _activations, _adapters, _forward, _head, _training
from tiny_models import CLASSIFY, DECODER, ENCODER, GENERATE, bert_directory, examples, gpt2_directory, llama_directory
from tiny_models import loaded as load
from torch.utils.flop_counter import FlopCounterMode

DIRECTORIES = {"llama": llama_directory, "gpt2": gpt2_directory, "bert": bert_directory}


def model_and_batch(architecture: str, folder: Path, task=CLASSIFY, number: int = 8):
    """A tiny model of this architecture, its shape, and one batch of labelled examples."""
    view = ENCODER if architecture == "bert" else DECODER
    model, tokenizer = load(DIRECTORIES[architecture](folder / "model"), task, view.architecture)
    batch = collate(encode_examples(examples(number), tokenizer, task, view), tokenizer.pad_token_id or 0)
    return model, shape_of_config(model.model.config.to_dict()).seen(view), batch


# Operations


@pytest.mark.parametrize("architecture", list(DIRECTORIES))
def test_a_forward_pass_has_the_operations_that_torch_counts(architecture: str, tmp_path: Path) -> None:
    model, shape, batch = model_and_batch(architecture, tmp_path)
    model.model.set_attn_implementation("eager")  # torch does not count the operations of its fused attention on a CPU
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(batch)
    rows, length = batch.input_ids.shape
    # A decoder's head is asked at the gold answer and once more for the classes.
    positions = len(batch.positions) + (rows if architecture != "bert" else 0)
    estimate = _forward(shape, rows * length, length, positions)
    assert estimate == pytest.approx(counter.get_total_flops(), rel=0.03)


def test_training_costs_three_forward_passes(tmp_path: Path) -> None:
    model, shape, batch = model_and_batch("llama", tmp_path)
    model.model.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter:
        model(batch).label_logits.sum().backward()
    rows, length = batch.input_ids.shape
    assert 3 * _forward(shape, rows * length, length, 2 * rows) == pytest.approx(counter.get_total_flops(), rel=0.1)


# Memory


@pytest.mark.parametrize("architecture", list(DIRECTORIES))
@pytest.mark.parametrize("task", [CLASSIFY, GENERATE], ids=["classify", "generate"])
def test_activations_are_estimated_within_a_factor_of_two(architecture: str, task, tmp_path: Path) -> None:
    if architecture == "bert" and task is GENERATE:
        pytest.skip("an encoder does not generate")
    model, shape, batch = model_and_batch(architecture, tmp_path, task, number=64)
    weights = {parameter.data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(batch)
        logits = output.label_logits if output.token_logits is None else output.token_logits
        loss = torch.nn.functional.log_softmax(logits, dim=-1).sum()
    rows, length = batch.input_ids.shape
    estimate = shape.layers * _activations(shape, rows * length) + _head(shape, len(batch.positions))
    assert sum(kept.values()) / 2 < estimate < sum(kept.values()) * 2
    assert loss.requires_grad


@pytest.mark.parametrize("architecture", list(DIRECTORIES))
def test_adapters_are_counted_as_peft_makes_them(architecture: str, tmp_path: Path) -> None:
    model, shape, _ = model_and_batch(architecture, tmp_path)
    add_lora(model, Lora(rank=4))
    made = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    # GPT-2 has one matrix for queries, keys and values; a two-layer BERT has a pooler.
    assert _adapters(shape, Lora(rank=4)) == pytest.approx(made, rel=0.01 if architecture == "llama" else 0.15)


def test_what_saves_memory_lowers_the_estimate(tmp_path: Path) -> None:
    _, shape, _ = model_and_batch("llama", tmp_path)
    full = _training(shape, TrainingSettings(batch_size=64), GENERATE)
    for saving in (
        {"micro_batch_size": 8},
        {"gradient_checkpointing": True},
        {"lora": Lora(rank=1)},
        {"freeze_embeddings": True},
    ):
        assert _training(shape, TrainingSettings(batch_size=64, **saving), GENERATE) < full, saving


# Examples


def prepared(results: Path, spec: dict, splits: dict | None = None) -> Node:
    node = Node("examples", "task", spec, "c" * 64)
    if splits is not None:
        with artefacts.writing(results / "examples" / node.id, spec=spec) as folder:
            (folder / "report.json").write_text(json.dumps({"splits": splits}))
    return node


SLICES = {"train": "train[:500]", "transfer": "train[500:2300]", "test": "test[-100:]"}


def test_slices_say_how_many_examples_there_will_be(tmp_path: Path) -> None:
    counts = counted(prepared(tmp_path, {"splits": SLICES, "validation_fraction": 0.1}), str(tmp_path))
    assert counts.splits == {"train": 500, "transfer": 1800, "test": 100, "validation": 50}
    assert counts.assumed == ("task: inputs as long as the task allows",)
    assert counts.length(GENERATE) == GENERATE.max_input_tokens + GENERATE.max_answer_tokens


def test_what_a_slice_does_not_say_is_assumed_and_said(tmp_path: Path) -> None:
    spec = {"splits": {"train": "train", "test": "all[:20%]", "validation": "all[100:]"}, "validation_fraction": 0.1}
    counts = counted(prepared(tmp_path, spec), str(tmp_path))
    assert counts.number("train", "test", "validation") == 3 * ASSUMED_EXAMPLES
    assert counts.assumed[1:] == ("task: 10,000 examples each in train, test, validation",)


def test_prepared_examples_are_counted_and_measured(tmp_path: Path) -> None:
    found = {"train": {"examples": 30, "mean_characters": 100}, "test": {"examples": 10, "mean_characters": 60}}
    counts = counted(prepared(tmp_path, {"splits": SLICES}, found), str(tmp_path))
    assert counts.splits == {"train": 30, "test": 10}
    assert counts.assumed == ()
    assert counts.length(CLASSIFY) == (30 * 100 + 10 * 60) / 40 / 4
    assert answer_tokens(CLASSIFY) == 1


def test_a_report_of_an_older_version_is_no_reason_to_fail(tmp_path: Path) -> None:
    node = prepared(tmp_path, {"splits": SLICES, "validation_fraction": 0.1}, {"train": {"examples": 30}})
    assert counted(node, str(tmp_path)).splits["train"] == 500


# Jobs


def test_a_new_seed_or_temperature_is_as_much_work_as_the_old_one(plan) -> None:
    planned = plan("smoke")
    work = {run.method: set() for run in planned.graph.runs}
    for run in planned.graph.runs:
        work[run.method].add(planned.workloads.of(run.node).flops)
    assert all(len(found) == 1 for found in work.values())
    assert work["kd1"].pop() > work["b0"].pop()  # it learns from the unlabelled examples, too


def test_shards_share_the_work_of_a_pass(plan) -> None:
    whole, halves = plan("smoke", {"targets": {"shards": 1}}), plan("smoke", {"targets": {"shards": 2}})

    def flops(planned, kind: str) -> list[float]:
        return [planned.workloads.of(n).flops for n in planned.graph.nodes["targets"].values() if kind in n.slug]

    assert sum(flops(whole, "label_logits")) == pytest.approx(sum(flops(halves, "label_logits")))
    assert len(flops(halves, "label_logits")) == 2


def test_each_of_several_devices_holds_the_model(plan) -> None:
    one = plan("smoke").workloads
    alone = [one.of(run.node).memory for run in plan("smoke").graph.runs]
    planned = plan("smoke", {"training": {"devices": 2, "epochs": 1, "batch_size": 16, "learning_rate": 1e-3}})
    both = [planned.workloads.of(run.node).memory for run in planned.graph.runs]
    assert both == pytest.approx([2 * memory for memory in alone])
    assert {planned.devices("runs", run.node.id) for run in planned.graph.runs} == {2}


def test_every_job_of_every_experiment_has_an_estimate(plan) -> None:
    for experiment in ("smoke", "smoke_generation", "demo", "demo_full", "thesis_fast", "thesis_full"):
        planned = plan(experiment)
        for kind, nodes in planned.graph.nodes.items():
            for node in nodes.values():
                work = planned.workloads.of(node)
                assert work.memory >= PROCESS_BYTES
                assert (work.devices == 1) == (work.flops > 0) == (kind not in ("assets", "examples"))
                if node.id.startswith("model.") or kind in ("examples", "targets", "runs", "predictions"):
                    assert work.disk > 0


def test_a_teacher_of_seven_billion_weights_needs_what_its_weights_take(plan) -> None:
    planned = plan("thesis_full", teacher="qwen2.5-7b")
    pass_over = next(n for n in planned.graph.nodes["targets"].values())
    assert 14e9 < planned.workloads.of(pass_over).memory < 22e9  # bf16
