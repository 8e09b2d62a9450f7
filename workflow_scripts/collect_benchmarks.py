"""Put an experiment's benchmarks side by side."""

from potstill.products import publish_directory
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `benchmarks`."""
    from potstill.plan.specs.collect import CollectBenchmarksSpec
    from potstill.report.collecting_benchmarks import collect_benchmarks
    from potstill.tables import write_table

    spec = CollectBenchmarksSpec.parse(stage.spec)
    table = collect_benchmarks(spec.benchmarks, stage.paths("benchmarks"))
    with publish_directory(stage.output, stage.inputs) as folder:
        write_table(table, folder / "benchmarks.parquet")


if __name__ == "__main__":
    run(main)
