"""Trainings on two devices, each case in turn; every process leaves what it ended with in the folder that is named."""

import os
import signal
import sys
from pathlib import Path

import torch
from potstill.checkpoints import CheckpointFolder
from potstill.devices import group, launch
from potstill.errors import Interrupted
from potstill.methods.interface import Method
from potstill.methods.terms.gold import Gold
from potstill.plan.specs.train import Lora
from potstill.tables import write_table
from potstill.training.checkpoint import TrainingCheckpoints
from safetensors.torch import save_file
from tiny_students import decoder, encoder, questions, sentences, trainer


class Projected:
    """Cross-entropy of a decoder's answers, and the square of a projection of the method's own."""

    def __init__(self, projection):
        self.projection, self.gold = projection, Gold("decoder")
        self.uses, self.attach, self.count = self.gold.uses, self.gold.attach, self.gold.count

    def sum(self, output, batch):
        return self.gold.sum(output, batch) + self.projection(output.token_logits).square().sum()


def with_modules():
    """One projection that is used and one that never is: no gradient, so AdamW must leave it alone."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        modules = torch.nn.ModuleDict({"used": torch.nn.Linear(53, 4), "idle": torch.nn.Linear(53, 4)})
    return Method({"ce": (1.0, Projected(modules["used"]))}, modules=modules)


# 17 examples in batches of 8: in the last one a single example, so one of two devices has none.
CASES = {
    "decoder": lambda: trainer(decoder(), questions(21, unanswered=3)),
    "small micro-batches": lambda: trainer(decoder(), questions(20), micro_batch_size=3),
    "an empty share": lambda: trainer(decoder(), questions(17)),
    "encoder": lambda: trainer(encoder(), sentences(21, unlabelled=3), weight_decay=0.1, max_gradient_norm=0.5),
    "adapters": lambda: trainer(decoder(), questions(20), lora=Lora(rank=2)),
    "the method's own weights": lambda: trainer(decoder(), questions(20), method=with_modules(), weight_decay=0.1),
    "early stopping": lambda: trainer(
        encoder(), sentences(16), sentences(40, seed=7), epochs=12, early_stopping=2, learning_rate=2e-2
    ),
}


def leave(folder, name, run, outcome):
    rank = group.rank()
    save_file(run.weights(), folder / f"{name}.{rank}.safetensors")
    write_table(outcome.history, folder / f"{name}.{rank}.parquet")


def with_dropout(**settings):
    return trainer(decoder(dropout=0.3), questions(20), **settings)


def checkpoints(folder):
    return TrainingCheckpoints(CheckpointFolder(folder, 1e9, lambda line: None))


def interrupted(folder):
    """A signal reaches the second process alone; both must leave after the same step, and both must go on."""
    kept, run = checkpoints(folder / "kept"), with_dropout()
    step = run.step

    def step_with_signal():
        if run.state.step == 2 and group.rank() == 1:
            os.kill(os.getpid(), signal.SIGUSR1)
        step()

    run.step = step_with_signal
    try:
        with kept.kept.watching():
            run.run(kept)
    except Interrupted as error:
        (folder / f"interrupted.{group.rank()}.txt").write_text(str(error))
    resumed, again = with_dropout(), checkpoints(folder / "kept")
    assert again.restore(resumed)
    assert resumed.state.step == 3
    leave(folder, "resumed", resumed, resumed.run(again))


def short_of_memory():
    """The second process cannot hold more than one example at a time."""
    run = with_dropout(batch_size=8)
    forward = run.model.forward

    def explode(batch, **options):
        if run.model.training and group.rank() == 1 and len(batch.example_ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(batch, **options)

    run.model.forward = explode
    return run


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    group.join()
    whole = {**CASES, "whole": with_dropout, "short of memory": short_of_memory}
    whole["one at a time"] = lambda: with_dropout(micro_batch_size=1)
    for name, case in whole.items():
        run = case()
        leave(folder, name, run, run.run())
        (folder / f"seed of {name}.{group.rank()}.txt").write_text(str(torch.initial_seed()))
    interrupted(folder)
    group.leave()
    launch.end_at_once()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
