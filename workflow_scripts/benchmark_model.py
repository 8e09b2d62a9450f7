"""Measure size and speed of one model on this machine."""

from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `benchmark.json`."""
    import json

    import torch
    from potstill import artefacts
    from potstill.devices import group
    from potstill.evaluation.efficiency import PeakMemory, environment, measure_size, measure_speed
    from potstill.models.device import pick_device, resolve_precision
    from potstill.models.encode import encode_examples, prompt_only
    from potstill.models.load import load_tokenizer
    from potstill.models.sharding import load_frozen_model
    from potstill.plan.specs.evaluate import BenchmarkSpec
    from potstill.tables import read_frame

    spec = BenchmarkSpec.parse(stage.spec)
    torch.set_num_threads(spec.threads)
    artefacts.verify(stage.path("examples"))
    examples = read_frame(stage.path("examples") / "test.parquet").head(spec.examples)
    device = pick_device()
    precision = resolve_precision(spec.precision, device)
    tokenizer = load_tokenizer(stage.path("model"), spec.model)
    items = [prompt_only(item) for item in encode_examples(examples, tokenizer, spec.task, spec.model)]
    with PeakMemory(device) as peak:
        model = load_frozen_model(stage.path("model"), spec, tokenizer, device, precision, shard=stage.shard_model)
        speed = measure_speed(
            model, tokenizer, items, batch_size=spec.batch_size, warmup=spec.warmup, repeats=spec.repeats
        )
        memory = peak.mb()
    if not group.leads():
        return
    benchmark = {
        **measure_size(model, stage.path("model")),
        **speed,
        "peak_memory_mb": memory,
        "environment": environment(device, precision),
    }
    with artefacts.writing(
        stage.output, spec=spec.as_json(), model=stage.path("model").name, device=str(device)
    ) as folder:
        (folder / "benchmark.json").write_text(json.dumps(benchmark, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main, on_device=True)
