"""The training loop: what is computed, and that it is the same however it is cut."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from potstill.errors import ConfigError, DataError
from potstill.methods.interface import Method
from potstill.methods.terms.gold import Gold
from potstill.models.encode import collate
from potstill.plan.specs.train import Lora
from potstill.training.validation import validate
from tiny_students import CLASSIFICATION, CPU, QA, decoder, encoder, questions, sentences, trainer, weights


@pytest.fixture(params=["decoder", "encoder", "classifying decoder"])
def case(request):
    if request.param == "decoder":
        return lambda **kw: decoder(QA, **kw), questions(21, unanswered=3)
    if request.param == "encoder":
        return encoder, sentences(21, unlabelled=3)
    return lambda **kw: decoder(CLASSIFICATION, **kw), sentences(21, unlabelled=3, architecture="decoder")


@pytest.mark.parametrize("micro", [1, 3])
def test_micro_batches_change_nothing(case, micro):
    """The same trajectory, and no one-sided drift: a mean of means would weigh short answers more."""
    make, items = case
    whole, cut = trainer(make(), items), trainer(make(), items, micro_batch_size=micro)
    a, b = whole.run().history, cut.run().history
    residual = (a["loss"] - b["loss"]).to_numpy()
    assert np.abs(residual).max() < 1e-4
    assert abs(residual.mean()) < 2e-5
    np.testing.assert_allclose(a["gradient_norm"], b["gradient_norm"], rtol=1e-3)
    # A bias of attention keys cancels in the softmax: its gradient is rounding, which Adam makes as large as any other.
    pairs = zip(whole.model.named_parameters(), cut.model.parameters(), strict=True)
    for name, p, q in ((name, p, q) for (name, p), q in pairs if not name.endswith("key.bias")):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-4, msg=name)


def test_the_same_bytes_twice_and_others_for_another_seed(case):
    make, items = case
    runs = [trainer(make(dropout=0.2), items, seed=seed) for seed in (5, 5, 6)]
    outcomes = [run.run() for run in runs]
    a, b, c = (weights(run.model) for run in runs)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)
    assert outcomes[0].history.equals(outcomes[1].history)


def test_a_step_does_not_depend_on_history():
    """Weights and optimizer state of step 3 continue to the same bytes in a process that drew other numbers before."""
    items = questions(20)
    whole = trainer(decoder(dropout=0.3), items, epochs=2)
    for _ in range(3):
        whole.step()
    copied = {k: v.clone() for k, v in whole.trained.state_dict().items()}
    optimizer = whole.optimizer.state_dict()
    resumed = trainer(decoder(dropout=0.3, seed=9), items, epochs=2)
    resumed.trained.load_state_dict(copied)
    torch.rand(1234)
    resumed.optimizer.load_state_dict(
        {**optimizer, "state": {k: {n: t.clone() for n, t in v.items()} for k, v in optimizer["state"].items()}}
    )
    resumed.state.step = 3
    whole.step()
    resumed.step()
    for p, q in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(p, q)


def test_loss_is_that_of_transformers_over_the_answers_tokens():
    """Oracle: the model's own loss with prompt and padding masked by -100, shifted inside it."""
    model, items = decoder(), questions(8)
    run = trainer(model, items, batch_size=8)
    ids, labels = torch.zeros(8, 20, dtype=torch.long), torch.full((8, 20), -100)
    for row, item in enumerate(items):
        full = (*item.input_ids, item.answer_ids[-1])
        ids[row, : len(full)] = torch.tensor(full)
        labels[row, item.answer_start + 1 : len(full)] = torch.tensor(item.answer_ids)
    expected = model.model(input_ids=ids, labels=labels).loss.item()
    run.step()
    assert run.history.frame()["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert run.state.tokens_seen == sum(len(item.input_ids) for item in items)


def test_prompt_positions_get_no_gradient():
    """The answer alone teaches: only at its positions does the loss see the logits, one position before each token."""
    model, items = decoder(), questions(4)
    batch = collate(items, 0)
    logits = model.model(input_ids=batch.input_ids).logits.detach().requires_grad_()
    loss = F.cross_entropy(logits[batch.positions[:, 0], batch.positions[:, 1]], batch.answer_ids, reduction="sum")
    assert loss.item() == pytest.approx(Gold("decoder").sum(model(batch), batch).item(), rel=1e-5)
    loss.backward()
    touched = logits.grad.abs().sum(-1) > 0
    for row, item in enumerate(items):
        expected = range(item.answer_start, len(item.input_ids))
        assert touched[row].nonzero().flatten().tolist() == list(expected)
        assert len(expected) == len(item.answer_ids)


def test_one_step_is_adamw_of_torch():
    model, items = encoder(), sentences(8)
    twin = encoder()
    trainer(model, items, epochs=1, weight_decay=0.1, max_gradient_norm=0.5).step()
    decayed = [p for p in twin.parameters() if p.ndim > 1]
    plain = [p for p in twin.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0}], lr=1e-2
    )
    batch = collate(items, 0)
    F.cross_entropy(twin.train()(batch).label_logits, batch.labels).backward()
    torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
    optimizer.step()
    for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
        if not name.endswith("key.bias"):  # see above
            torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-5, msg=name)


def test_no_example_is_dropped_and_unusable_ones_are_left_out():
    run = trainer(decoder(), questions(21, unanswered=4), epochs=3, batch_size=8)
    outcome = run.run()
    assert (outcome.steps, outcome.examples_seen) == (9, 3 * 17)
    assert trainer(decoder(), questions(20), epochs=0.5, batch_size=5).total_steps == 2
    with pytest.raises(DataError, match="no example to train on"):
        trainer(decoder(), questions(5, unanswered=5))


def test_early_stopping_keeps_the_best_weights():
    items, other = sentences(16), sentences(40, seed=7)
    run = trainer(encoder(), items, other, epochs=60, early_stopping=3, learning_rate=2e-2, schedule="constant")
    outcome = run.run()
    measured = outcome.history.dropna(subset=["validation_loss"])
    best = measured.loc[measured["validation_loss"].idxmin()]
    assert outcome.best_step == best["step"] < outcome.steps < run.total_steps
    assert (measured["step"] > best["step"]).sum() == 3
    loss, _ = validate(run.model, other, pad_id=0, token_budget=64, device=CPU, precision="fp32")
    assert loss == pytest.approx(best["validation_loss"], rel=1e-5)


def test_early_stopping_needs_labels():
    with pytest.raises(DataError, match="early_stopping needs labelled"):
        trainer(encoder(), sentences(8), sentences(4, unlabelled=4), early_stopping=1)


def test_validation_is_the_mean_over_tokens_whatever_the_batches():
    model, items = decoder(), questions(13, unanswered=2)
    found = [validate(model, items, pad_id=0, token_budget=b, device=CPU, precision="fp32")[0] for b in (1, 40, 9999)]
    batch = collate(items, 0)
    expected = F.cross_entropy(model(batch).token_logits, batch.answer_ids).item()
    assert found == pytest.approx([expected] * 3, rel=1e-5)
    loss, accuracy = validate(encoder(), sentences(20), pad_id=0, token_budget=30, device=CPU, precision="fp32")
    batch = collate(sentences(20), 0)
    assert accuracy == (encoder()(batch).label_logits.argmax(-1) == batch.labels).double().mean().item()
    assert loss > 0


def test_a_student_learns():
    outcome = trainer(encoder(), sentences(60), epochs=30, learning_rate=5e-3).run()
    assert outcome.history["loss"].iloc[-5:].mean() < 0.3 < outcome.history["loss"].iloc[0]
    assert outcome.history["validation_score"].iloc[-1] > 0.9


def test_frozen_embeddings_stay_and_the_rest_moves():
    run = trainer(decoder(), questions(8), freeze_embeddings=True)
    before = weights(run.model)
    run.run()
    after = weights(run.model)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if "embed_tokens" in name}


def test_adapters_alone_are_trained_and_merge_into_the_weights():
    run = trainer(decoder(), questions(16), lora=Lora(rank=4))
    before = weights(run.model)
    run.run()
    after = weights(run.model)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        n for n in before if "lora_" in n
    }
    batch = collate(questions(16), 0)
    expected = run.model(batch).token_logits
    run.model.merge_adapters()
    torch.testing.assert_close(run.model(batch).token_logits, expected, rtol=1e-4, atol=1e-4)
    assert not any("lora" in name for name, _ in run.model.named_parameters())


def test_adapters_are_drawn_from_the_seed_alone():
    """peft draws them from torch's own generator, which would give every seed of an experiment the same ones."""
    first, *others = (trainer(decoder(), questions(8), seed=seed, lora=Lora(rank=4)) for seed in (5, 6))
    torch.rand(10)
    again = trainer(decoder(), questions(8), seed=5, lora=Lora(rank=4))
    a, b, c = (weights(run.model) for run in (first, again, *others))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert all(torch.equal(a[name], c[name]) == ("lora_A" not in name) for name in a)


def test_an_eight_bit_model_needs_adapters():
    model = decoder()
    model.model.is_quantized = True
    with pytest.raises(ConfigError, match=r"set training\.lora"):
        trainer(model, questions(4))


def test_gradient_checkpointing_changes_nothing():
    items = questions(16)
    a = trainer(decoder(), items).run().history
    b = trainer(decoder(), items, gradient_checkpointing=True).run().history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-5)


def test_bf16_computes_in_less_and_keeps_float32_weights():
    items = questions(16)
    run = trainer(decoder(), items)
    half = trainer(decoder(), items)
    half.precision = "bf16"
    a, b = run.run().history, half.run().history
    assert all(p.dtype == torch.float32 for p in half.model.parameters())
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=0.05)
    assert not a["loss"].equals(b["loss"])


def test_a_loss_that_is_no_number_stops_with_advice():
    with pytest.raises(ConfigError, match=r"loss is nan .* at step .* Lower training.learning_rate"):
        trainer(decoder(), questions(16), epochs=20, learning_rate=1e20, max_gradient_norm=None).run()


CUDA, SYSTEM = torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")


def with_room_for(run, examples, error, from_step=0, patience=0):
    """The run on a device that can hold so many examples of a forward and backward pass; more a few times by luck."""
    forward, luck = run.model.forward, iter(range(patience))

    def explode(batch, **options):
        output = forward(batch, **options)
        too_many = run.model.training and run.state.step >= from_step and len(batch.example_ids) > examples
        if too_many and next(luck, None) is None:
            raise error
        return output

    run.model.forward = explode
    return run


@pytest.mark.parametrize("error", [CUDA, SYSTEM], ids=["cuda", "system"])
@pytest.mark.parametrize("room", [1, 4, 5])
def test_what_does_not_fit_is_halved_to_the_bytes_of_the_run_that_was_asked_for_that(case, room, error, capsys):
    """Masks that were drawn, and gradients that were added, before memory ran out leave no trace."""
    make, items = case
    asked = trainer(make(dropout=0.3), items, micro_batch_size=1 if room == 1 else 4)
    halved = with_room_for(trainer(make(dropout=0.3), items, micro_batch_size=8), room, error)
    expected, outcome = asked.run(), halved.run()
    assert outcome.micro_batch_size == expected.micro_batch_size == asked.settings.micro_batch_size
    assert outcome.history.equals(expected.history)
    assert all(torch.equal(p, q) for p, q in zip(asked.model.parameters(), halved.model.parameters(), strict=True))
    assert "step 1: out of memory with 8 examples at once; the step begins again with 4" in capsys.readouterr().err


def test_gradients_of_a_step_that_did_not_end_do_not_count(case):
    make, items = case
    asked = trainer(make(dropout=0.3), items, batch_size=16, micro_batch_size=4)
    halved = with_room_for(trainer(make(dropout=0.3), items, batch_size=16, micro_batch_size=8), 4, CUDA, patience=1)
    assert halved.run().history.equals(asked.run().history)


def test_a_run_that_stops_fitting_goes_on_with_the_same_losses(case):
    make, items = case
    expected = trainer(make(), items).run().history
    found = with_room_for(trainer(make(), items), 3, CUDA, from_step=2).run().history
    assert found["loss"][:2].equals(expected["loss"][:2])
    np.testing.assert_allclose(found["loss"], expected["loss"], atol=1e-4)


def test_not_even_one_example_fits():
    run = with_room_for(trainer(encoder(), sentences(8)), 0, CUDA)
    with pytest.raises(ConfigError, match=r"out of memory .* single example .* Set training.gradient_checkpointing"):
        run.run()
    assert run.state.step == 0


def test_another_error_is_no_lack_of_memory():
    with pytest.raises(RuntimeError, match="size mismatch"):
        with_room_for(trainer(encoder(), sentences(8)), 4, RuntimeError("size mismatch")).run()


def test_a_term_without_any_unit_in_a_step_adds_nothing_and_counts_as_not_measured():
    method = Method({"ce": (1.0, Gold("encoder")), "more": (1.0, AllOnes())})
    run = trainer(encoder(), sentences(4, unlabelled=4), method=method, epochs=1)
    run.step()
    row = run.history.frame().iloc[0]
    assert np.isnan(row["loss_ce"])
    assert row["loss"] == row["loss_more"]
    assert np.isfinite(row["gradient_norm"])


class AllOnes:
    """A term with a unit for each example."""

    def uses(self, item) -> bool:
        return True

    def attach(self, batch) -> None:
        """Nothing."""

    def count(self, batch) -> int:
        return len(batch.example_ids)

    def sum(self, output, batch) -> torch.Tensor:
        return output.label_logits.square().sum()
