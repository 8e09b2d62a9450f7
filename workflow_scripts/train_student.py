"""Train one student by one method with one seed, and let it answer the validation and test splits.

A teacher is fitted to its task by the same stage, with method b0.
"""

from potstill.stage import Stage, run

# Tokens in a batch of predictions: how fast they come, not what they are.
TOKEN_BUDGET = 2048


def main(stage: Stage) -> None:
    """Write a run: the student, its history, its predictions, and the facts about it."""
    import json
    import time

    import pandas as pd
    from potstill import artefacts
    from potstill.checkpoints import CheckpointFolder
    from potstill.devices import group
    from potstill.errors import ConfigError
    from potstill.evaluation.predict import predict
    from potstill.methods.interface import Setup, build
    from potstill.models.device import autocast, pick_device, resolve_precision
    from potstill.models.directory import check_artefact, model_directory
    from potstill.models.encode import encode_examples
    from potstill.models.finished_batches import FinishedBatches
    from potstill.models.load import load_task_model, load_tokenizer, tokenizer_fingerprint
    from potstill.plan import methods
    from potstill.plan.specs.train import TrainSpec
    from potstill.progress import say
    from potstill.provenance import library_versions
    from potstill.tables import read_frame, write_table
    from potstill.training.card import write_card
    from potstill.training.checkpoint import TrainingCheckpoints
    from potstill.training.randomness import make_deterministic
    from potstill.training.trainer import Trainer

    make_deterministic(stage.threads)
    spec = TrainSpec.parse(stage.spec)
    if spec.training.devices != group.size():
        raise ConfigError(
            f"training.devices: {spec.training.devices}, but this job runs on {group.size()}: give the script --devices "
            f"{spec.training.devices}"
        )
    plan = methods.load(spec.method)
    options = plan.Options.parse(spec.options)
    artefacts.verify(stage.path("examples"))
    check_artefact(stage.path("model"))
    base = artefacts.read_manifest(stage.path("model"))
    splits = {path.stem: read_frame(path) for path in sorted(stage.path("examples").glob("*.parquet"))}

    device = pick_device()
    precision = resolve_precision(spec.training.precision, device)
    # A run's student is a model like any other here: what `derive` says is done to it.
    directory = model_directory(stage.path("model"))
    tokenizer = load_tokenizer(directory, spec.model)
    # Weights that stay as they are (below adapters) need no more than the precision that is computed in.
    student = load_task_model(
        directory,
        spec.model,
        spec.task,
        tokenizer,
        device=device,
        precision=precision if spec.training.lora else "fp32",
        seed=spec.seed,
    )
    shards = {target.kind: stage.paths(target.kind) for target in plan.targets(options, spec.task.kind)}
    setup = Setup(
        task=spec.task,
        architecture=spec.model.architecture,
        hidden_size=student.hidden_size,
        n_layers=student.n_layers,
        pool=student.pool,
        shards=shards,
        tokenizer=tokenizer_fingerprint(tokenizer),
        centre=spec.calibration == "centre",
        seed=spec.seed,
    )
    method = build(spec.method, options, setup)
    taught = pd.concat([splits[name] for name in plan.splits(options, spec.task.kind)], ignore_index=True)
    trainer = Trainer(
        student,
        method,
        encode_examples(taught, tokenizer, spec.task, spec.model, method.answers(taught)),
        encode_examples(splits["validation"], tokenizer, spec.task, spec.model),
        spec.training,
        seed=spec.seed,
        pad_id=tokenizer.pad_token_id,
        device=device,
        precision=precision,
    )
    trainable = student.parameter_count(trainable=True)
    on = f"{device}{f' x {group.size()}' if group.size() > 1 else ''}"
    say(
        f"{len(trainer.examples)} examples, {trainer.total_steps} steps, {trainable:,} trainable parameters, "
        f"{on}, {precision}"
    )
    kept = CheckpointFolder.beside(stage.output, say)
    checkpoints = TrainingCheckpoints(kept)
    checkpoints.restore(trainer)
    with kept.watching():
        outcome = trainer.run(checkpoints)
    checkpoints.save_end(trainer)
    student.make_plain()
    # Where a GPU does not compute the same twice, answers of other weights must not be mixed with these weights'.
    finished = FinishedBatches(kept, device=device.type, precision=precision, weights=student.fingerprint())
    settings = {"token_budget": TOKEN_BUDGET, "finished": finished}
    begin = time.monotonic()
    predictions = []
    with kept.watching(), autocast(device, precision):
        for split in ("validation", "test"):
            found = predict(student, tokenizer, splits[split], spec.task, name=split, **settings)
            found.insert(0, "split", split)
            predictions.append(found)
    predict_seconds = time.monotonic() - begin
    if not group.leads():
        return

    teacher = artefacts.read_manifest(next(iter(shards.values()))[0])["teacher"] if shards else None
    provenance = {key: base.get(key) for key in ("origin", "licence")}
    with artefacts.writing(
        stage.output, spec=spec.as_json(), teacher=teacher, device=str(device), **provenance
    ) as folder:
        student.save(folder / "student", tokenizer)
        write_table(outcome.history, folder / "history.parquet")
        write_table(pd.concat(predictions, ignore_index=True), folder / "predictions.parquet")
        facts = {
            "method": spec.method,
            "options": options.as_json(),
            "seed": spec.seed,
            "steps": outcome.steps,
            "best_step": outcome.best_step,
            "examples_seen": outcome.examples_seen,
            "tokens_seen": outcome.tokens_seen,
            "train_seconds": outcome.seconds,
            "predict_seconds": predict_seconds,
            "micro_batch_size": outcome.micro_batch_size,
            "device": str(device),
            "devices": group.size(),
            "threads": stage.threads,
            "precision": precision,
            "parameters": student.parameter_count(),
            "trainable_parameters": trainable,
            "versions": library_versions(),
        }
        (folder / "run.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        shown = {key.replace("_", " "): facts[key] for key in ("parameters", "steps", "examples_seen", "precision")}
        write_card(folder / "student", spec, name=stage.output.name, teacher=teacher, base=base, facts=shown)
    kept.clear()
    say(f"trained {outcome.steps} steps, validation and test predicted, saved")


if __name__ == "__main__":
    run(main, on_device=True)
