"""A training that is interrupted anywhere ends with the bytes of one that was not."""

import os
import signal

import pytest
import torch
from potstill.checkpoints import CheckpointFolder
from potstill.errors import Interrupted
from potstill.methods.interface import Method
from potstill.methods.terms.gold import Gold
from potstill.plan.specs.train import Lora
from potstill.training.checkpoint import KEPT, TrainingCheckpoints
from tiny_students import decoder, encoder, questions, sentences, trainer


class Projected:
    """Cross-entropy of a decoder's answers through a projection of the method's own, as kd3 has one."""

    def __init__(self, projection):
        self.projection, self.gold = projection, Gold("decoder")
        self.uses, self.attach, self.count = self.gold.uses, self.gold.attach, self.gold.count

    def sum(self, output, batch):
        return self.gold.sum(output, batch) + self.projection(output.token_logits.mean(0)).square().sum()


def with_modules():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        projection = torch.nn.Linear(53, 4)
    return Method({"ce": (1.0, Projected(projection))}, modules=projection)


CASES = {
    "decoder": lambda: trainer(decoder(dropout=0.3), questions(20), micro_batch_size=3),
    "encoder": lambda: trainer(encoder(dropout=0.3), sentences(20), schedule="cosine", warmup_fraction=0.3),
    "adapters": lambda: trainer(decoder(), questions(20), lora=Lora(rank=2, dropout=0.2)),
    "the method's own weights": lambda: trainer(decoder(), questions(20), method=with_modules()),
    "frozen embeddings": lambda: trainer(decoder(), questions(20), freeze_embeddings=True),
    "early stopping": lambda: trainer(
        encoder(), sentences(16), sentences(40, seed=7), epochs=30, early_stopping=2, learning_rate=2e-2
    ),
}


def quiet(line):
    """Nobody listens."""


def checkpoints(folder, every_seconds=0.0, say=quiet, **options):
    return TrainingCheckpoints(CheckpointFolder(folder, every_seconds, say, **options))


def facts(run):
    state = {name: value for name, value in vars(run.state).items() if name not in ("seconds", "best_weights")}
    return state, run.history.frame()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_resumed_run_is_the_uninterrupted_one(case, steps, tmp_path):
    """Not the same to a tolerance: the same bytes. The machine's generators are somewhere else meanwhile."""
    whole, broken, resumed = (CASES[case]() for _ in range(3))
    outcome = whole.run()
    for _ in range(steps):
        broken.step()
        if broken.state.step % broken.steps_per_epoch == 0:
            broken.validate()
    checkpoints(tmp_path).save(broken)
    torch.rand(1000)
    again = checkpoints(tmp_path)
    assert again.restore(resumed)
    assert resumed.state.step == steps
    found = resumed.run(again)
    assert found.history.equals(outcome.history)
    assert facts(whole)[0] == facts(resumed)[0]
    assert (found.best_step, found.steps, found.tokens_seen) == (outcome.best_step, outcome.steps, outcome.tokens_seen)
    for (name, p), q in zip(whole.trained.named_parameters(), resumed.trained.parameters(), strict=True):
        assert torch.equal(p, q), name


def test_what_fits_is_remembered(tmp_path):
    """Or a resumed run would first try what did not fit, and its masks would be others."""
    broken = CASES["encoder"]()
    broken.state.micro_batch_size = 4
    broken.step()
    checkpoints(tmp_path).save(broken)
    resumed = CASES["encoder"]()
    checkpoints(tmp_path).restore(resumed)
    assert resumed.state.micro_batch_size == 4


def damage(folder, name):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "history.parquet", "state.json"])
def test_one_flipped_bit_and_the_checkpoint_before_is_used(name, tmp_path):
    run, said = trainer(decoder(), questions(20)), []
    kept = checkpoints(tmp_path, say=said.append)
    for _ in range(3):
        run.step()
        kept.save(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]
    damage(tmp_path / "step-00000003", name)
    resumed = trainer(decoder(), questions(20))
    assert kept.restore(resumed)
    assert resumed.state.step == 2
    assert f"step-00000003/{name}" in said[0]
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]
    damage(tmp_path / "step-00000002", name)
    assert not kept.restore(trainer(decoder(), questions(20)))


def test_a_checkpoint_of_another_version_is_not_used(tmp_path, monkeypatch):
    run, said = trainer(decoder(), questions(20)), []
    run.step()
    checkpoints(tmp_path).save(run)
    monkeypatch.setattr("potstill.training.checkpoint.FORM", {"training checkpoint": 2})
    assert not checkpoints(tmp_path, say=said.append).restore(trainer(decoder(), questions(20)))
    assert "another kind: training checkpoint 1 instead of 2" in said[0]


def test_what_was_cut_off_while_it_was_written_does_not_count(tmp_path):
    run, kept = trainer(decoder(), questions(20)), checkpoints(tmp_path)
    run.step()
    kept.save(run)
    (tmp_path / "step-00000002").mkdir()
    (tmp_path / "step-00000002" / "weights.safetensors").write_bytes(b"half")
    (tmp_path / ".step-00000003.x.tmp").mkdir()
    resumed = trainer(decoder(), questions(20))
    assert kept.restore(resumed)
    assert resumed.state.step == 1
    kept.kept.clear()
    assert not tmp_path.exists()


def test_the_clock_says_when_and_two_are_kept(tmp_path):
    now, made = iter([0.0, 10.0, 20.0, 31.0, 31.0, 45.0, 61.0, 61.0]), []
    kept = checkpoints(tmp_path, 30.0, clock=lambda: next(now))
    run = trainer(decoder(), questions(40))
    for _ in range(5):
        run.step()
        kept.after_step(run)
        made.append(sorted(int(path.name[5:]) for path in tmp_path.glob("step-*")))
    assert made == [[], [], [3], [3], [3, 5]]
    assert len(made[-1]) == KEPT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_ends_the_training_after_the_step_at_work(number, tmp_path):
    run, kept = trainer(decoder(), questions(40)), checkpoints(tmp_path, 1e9)
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    step = run.step

    def interrupted_step():
        if run.state.step == 2:
            os.kill(os.getpid(), number)
            if number != signal.SIGINT:  # SLURM says it twice at a time limit
                os.kill(os.getpid(), number)
        step()

    run.step = interrupted_step
    with (
        kept.kept.watching(),
        pytest.raises(Interrupted, match=f"{signal.Signals(number).name}: stopped after step 3 of 10"),
    ):
        run.run(kept)
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)] == before
    resumed = trainer(decoder(), questions(40))
    assert checkpoints(tmp_path).restore(resumed)
    assert resumed.state.step == 3


def test_without_a_signal_nothing_is_written_before_its_time(tmp_path):
    trainer(decoder(), questions(20)).run(checkpoints(tmp_path / "kept", 1e9))
    assert not (tmp_path / "kept").exists()
