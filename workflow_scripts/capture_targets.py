"""Ask a teacher about one shard of the training and transfer examples, and store what it says."""

from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write one shard of one kind of targets."""
    import contextlib

    import torch
    from potstill import artefacts
    from potstill.checkpoints import CheckpointFolder
    from potstill.devices import group
    from potstill.models.device import pick_device, resolve_precision
    from potstill.models.finished_batches import FinishedBatches
    from potstill.models.load import load_tokenizer, tokenizer_fingerprint
    from potstill.models.sharding import load_frozen_model
    from potstill.plan.specs.targets import TargetSpec
    from potstill.progress import say
    from potstill.targets.capture import capture, shard_examples

    torch.set_num_threads(stage.threads)
    spec = TargetSpec.parse(stage.spec)
    artefacts.verify(stage.path("examples"))
    examples = shard_examples(stage.path("examples"), spec)
    device = pick_device()
    precision = resolve_precision(spec.precision, device)
    tokenizer = load_tokenizer(stage.path("teacher"), spec.model)
    teacher = load_frozen_model(stage.path("teacher"), spec, tokenizer, device, precision, shard=stage.shard_model)
    facts = {
        "kind": spec.target.kind,
        "teacher": stage.path("teacher").name,
        "tokenizer": tokenizer_fingerprint(tokenizer),
        "examples": len(examples),
        "device": str(device),
        "devices": group.size(),
        "precision": precision,
    }
    if spec.target.kind == "token_logits":
        facts["temperatures"] = list(spec.target.temperatures)
    kept = CheckpointFolder.beside(stage.output, say)
    finished = FinishedBatches(kept, device=device.type, precision=precision)
    written = (
        artefacts.writing(stage.output, spec=spec.as_json(), **facts) if group.leads() else contextlib.nullcontext()
    )
    with kept.watching(), written as folder:
        capture(teacher, tokenizer, examples, spec, folder, finished)
    if group.leads():
        kept.clear()


if __name__ == "__main__":
    run(main, on_device=True)
