"""Score a model as it is: a teacher on its task's test split, or a teacher or a student's run on that of another task.

The model is the input `teacher` either way: the artefacts of before keep their names.
"""

from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `predictions.parquet` and `run.json`."""
    import json
    import time

    import pandas as pd
    import torch
    from potstill import artefacts
    from potstill.checkpoints import CheckpointFolder
    from potstill.devices import group
    from potstill.evaluation.predict import predict
    from potstill.models.device import pick_device, resolve_precision
    from potstill.models.finished_batches import FinishedBatches
    from potstill.models.load import load_tokenizer
    from potstill.models.sharding import load_frozen_model
    from potstill.plan.specs.evaluate import PredictSpec
    from potstill.progress import say
    from potstill.provenance import library_versions
    from potstill.tables import read_frame, write_table
    from potstill.targets.read import read_label_logits

    torch.set_num_threads(stage.threads)
    spec = PredictSpec.parse(stage.spec)
    artefacts.verify(stage.path("examples"))
    bias = None
    if spec.calibration == "centre":
        bias = read_label_logits(stage.paths("label_logits"), centre=True).mean
    device = pick_device()
    precision = resolve_precision(spec.precision, device)
    tokenizer = load_tokenizer(stage.path("teacher"), spec.model)
    teacher = load_frozen_model(stage.path("teacher"), spec, tokenizer, device, precision, shard=stage.shard_model)
    started = time.monotonic()
    kept = CheckpointFolder.beside(stage.output, say)
    settings = {
        "token_budget": spec.token_budget,
        "calibration_bias": bias,
        "finished": FinishedBatches(kept, device=device.type, precision=precision),
    }
    frames = []
    with kept.watching():
        for split in spec.splits:
            examples = read_frame(stage.path("examples") / f"{split}.parquet")
            found = predict(teacher, tokenizer, examples, spec.task, name=split, **settings)
            found.insert(0, "split", split)
            frames.append(found)
    if not group.leads():
        return
    facts = {
        "method": "teacher",
        "predict_seconds": time.monotonic() - started,
        "device": str(device),
        "devices": group.size(),
        "precision": precision,
        "parameters": teacher.parameter_count(),
        "versions": library_versions(),
    }
    with artefacts.writing(
        stage.output, spec=spec.as_json(), teacher=stage.path("teacher").name, device=str(device)
    ) as folder:
        write_table(pd.concat(frames, ignore_index=True), folder / "predictions.parquet")
        (folder / "run.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    kept.clear()


if __name__ == "__main__":
    run(main, on_device=True)
