"""Targets and predictions by two processes, the teacher whole in each or spread over both; results go to a folder."""

import sys
from pathlib import Path

import torch
from potstill.devices import group, launch
from potstill.evaluation.predict import predict
from potstill.models.load import load_tokenizer
from potstill.models.sharding import load_frozen_model
from potstill.plan.specs.evaluate import PredictSpec
from potstill.plan.specs.targets import Generations, HiddenStates, LabelLogits, TokenLogits
from potstill.tables import read_frame, write_table
from potstill.targets.capture import capture, shard_examples
from stored_targets import specs, store_examples
from tiny_models import CLASSIFY, CPU, DECODER, ENCODER, GENERATE, bert_directory, llama_directory

SMALL = 60  # tokens in a batch: a handful of batches, and an odd one at the end
KINDS = {
    "label_logits": (LabelLogits(), CLASSIFY, DECODER),
    "token_logits": (TokenLogits(top_k=16), GENERATE, DECODER),
    "generations": (Generations(temperature=1.0, seed=5), GENERATE, DECODER),
    "greedy generations": (Generations(), GENERATE, DECODER),
    "all hidden states": (HiddenStates(), GENERATE, DECODER),
    "some hidden states": (HiddenStates(layers=(1, 2), pooling="mean"), GENERATE, DECODER),
    "an encoder's label_logits": (LabelLogits(), CLASSIFY, ENCODER),
}


def make_inputs(folder: Path) -> None:
    """Two teachers and their examples."""
    store_examples(folder / "examples", train=7, transfer=6)
    llama_directory(folder / "decoder", layers=3)
    bert_directory(folder / "encoder", layers=3)


def teacher(folder, task, view, shard):
    directory = folder / view.architecture
    tokenizer = load_tokenizer(directory, view)
    spec = PredictSpec(task=task, model=view)
    return load_frozen_model(directory, spec, tokenizer, CPU, "fp32", shard=shard), tokenizer


def capture_all(folder: Path, results: Path, shard: bool = False) -> None:
    """Every kind of targets into a folder of its name, and predictions."""
    for name, (target, task, view) in KINDS.items():
        (spec,) = specs(target, task, view=view, token_budget=SMALL)
        model, tokenizer = teacher(folder, task, view, shard)
        (results / name).mkdir(parents=True, exist_ok=True)
        capture(model, tokenizer, shard_examples(folder / "examples", spec), spec, results / name)
    for task in (CLASSIFY, GENERATE):
        model, tokenizer = teacher(folder, task, DECODER, shard)
        examples = read_frame(folder / "examples" / "transfer.parquet")
        found = predict(model, tokenizer, examples, task, token_budget=SMALL)
        if group.leads():
            write_table(found, results / f"predicted {task.kind}.parquet")
        else:
            assert found.empty


def parts(folder: Path) -> None:
    """How much of the teacher's weights each process has when it has been asked, and that it is not all of them."""
    model, _ = teacher(folder, GENERATE, DECODER, shard=True)
    layers = model.backbone.layers
    whole = sum(p.numel() for p in layers.parameters())
    held = sum(p.to_local().numel() for p in layers.parameters())
    (folder / f"held.{group.rank()}.txt").write_text(f"{held} {whole} {model.parameter_count()}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    group.join()
    capture_all(place, place / "shared")
    capture_all(place, place / "sharded", shard=True)
    parts(place)
    group.leave()
    launch.end_at_once()
