"""Put side by side how an experiment's models do on their own test set and on those of other tasks."""

from potstill.products import publish_directory, verify_products
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `transfer`, `transfer_summary` and `transfer_baselines`."""
    from potstill.plan.specs.transfer import CollectTransferSpec
    from potstill.report.collecting import Examples
    from potstill.report.collecting_transfer import baselines_of, count_seen, scores_of, summarised, transferred
    from potstill.tables import read_frame, write_table

    spec = CollectTransferSpec.parse(stage.spec)
    verify_products(stage.inputs)
    collected = stage.path("collected")
    runs, own = read_frame(collected / "runs.parquet"), read_frame(collected / "scores.parquet")
    examples = Examples(stage.inputs["examples"])
    baselines = baselines_of(spec.runs, examples, read_frame(collected / "baselines.parquet"))
    scores = scores_of(spec.runs, stage.paths("predictions"), examples, runs, own)
    summary = summarised(scores, spec.confidence, spec.baseline, count_seen(spec.runs, examples))
    with publish_directory(stage.output, stage.inputs) as folder:
        write_table(transferred(scores), folder / "transfer.parquet")
        write_table(baselines, folder / "transfer_baselines.parquet")
        write_table(summary, folder / "transfer_summary.parquet")


if __name__ == "__main__":
    run(main)
