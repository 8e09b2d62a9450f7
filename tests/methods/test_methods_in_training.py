"""Methods in the training loop: however a step is cut, and with projections that learn along."""

import numpy as np
import pandas as pd
import pytest
import torch
from method_setups import setup, store
from potstill.methods.interface import build
from potstill.models.encode import encode_examples
from potstill.plan import methods
from potstill.plan.specs.targets import HiddenStates, LabelLogits, TokenLogits
from potstill.plan.specs.train import TrainingSettings
from potstill.training.trainer import Trainer
from tiny_models import CLASSIFY, CPU, DECODER, GENERATE, examples, llama_directory, loaded


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    data = pd.concat([examples(16).iloc[:10], examples(16, labelled=False).iloc[10:]], ignore_index=True)
    teacher = llama_directory(folder / "teacher", layers=3, seed=1)
    llama_directory(folder / "student", layers=2, seed=2)
    shards = {
        "label_logits": store(folder / "labels", teacher, CLASSIFY, LabelLogits(), data),
        "hidden_states": store(folder / "hidden", teacher, CLASSIFY, HiddenStates(), data),
        "token_logits": store(folder / "tokens", teacher, GENERATE, TokenLogits(top_k=16), data),
    }
    return folder, data, shards


CASES = [
    ("b0", CLASSIFY, {}),
    ("kd1", CLASSIFY, {}),
    ("kd1", GENERATE, {"temperature": 4.0}),
    ("kd1", GENERATE, {"alignment": "uld"}),
    ("kd2", CLASSIFY, {"gold": "mixed"}),
    ("kd3", CLASSIFY, {"alpha": 0.5, "pooling": "mean"}),
]


def trainer(place, name, task, options, **changes) -> Trainer:
    folder, data, shards = place
    student, tokenizer = loaded(folder / "student", task)
    plan = methods.load(name)
    options = plan.Options.parse(options)
    method = build(name, options, setup(student, tokenizer, shards))
    taught = data if "transfer" in plan.splits(options, task.kind) else data.iloc[:10]
    items = encode_examples(taught, tokenizer, task, DECODER, method.answers(taught))
    validation = encode_examples(data.iloc[:4], tokenizer, task, DECODER)
    settings = TrainingSettings(**({"batch_size": 8, "learning_rate": 1e-3, "epochs": 4} | changes))
    return Trainer(student, method, items, validation, settings, 0, tokenizer.pad_token_id, CPU, "fp32")


@pytest.mark.parametrize(("name", "task", "options"), CASES)
def test_one_trajectory_however_a_step_is_cut(place, name, task, options):
    """Micro-batches hold different numbers of labelled examples and of tokens; a mean of means would show a drift."""
    a = trainer(place, name, task, options).run().history
    b = trainer(place, name, task, options, micro_batch_size=1).run().history
    for column in [name for name in a.columns if name.startswith("loss")]:
        residual = (a[column] - b[column]).to_numpy()
        scale = a[column].abs().max()
        assert np.abs(residual).max() < 1e-3 * scale
        assert abs(residual.mean()) < 2e-4 * scale


@pytest.mark.parametrize(("name", "task", "options"), CASES)
def test_the_loss_falls(place, name, task, options):
    """On its own training examples: 24 epochs, fixed seed."""
    history = trainer(place, name, task, options, epochs=24, learning_rate=5e-3).run().history
    assert history["loss"].tail(4).mean() < 0.8 * history["loss"].head(2).mean()


def test_projections_are_trained_with_the_student(place):
    run = trainer(place, "kd3", CLASSIFY, {})
    before = [p.detach().clone() for p in run.method.modules.parameters()]
    run.step()
    moved = [not torch.equal(p, q) for p, q in zip(before, run.method.modules.parameters(), strict=True)]
    assert all(moved)
    assert not any("method" in name for name, _ in run.model.named_parameters())


def test_methods_see_the_same_examples_in_the_same_order(place):
    """Paired comparisons: two methods with one seed and the same examples differ in their loss alone."""
    seen = []
    for name, options in (("kd1", {}), ("kd3", {})):
        run = trainer(place, name, CLASSIFY, options)
        seen.append([])
        for step in range(run.total_steps):
            run.state.step = step
            seen[-1].append([run.examples[index].example_id for micro in run._micro_batches() for index in micro])
    assert seen[0] == seen[1]
