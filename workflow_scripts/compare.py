"""Compare an experiment's methods: means, intervals and contrasts from the scores of single examples."""

from potstill.products import publish_directory, verify_products
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `summary.parquet` and `contrasts.parquet`."""
    from potstill.plan.specs.compare import CompareSpec
    from potstill.statistics.comparison import contrast, matrices, summarise
    from potstill.tables import read_frame, write_table

    verify_products(stage.inputs)
    settings = CompareSpec.parse(stage.spec).comparison
    runs = read_frame(stage.path("collected") / "runs.parquet")
    cells = matrices(read_frame(stage.path("collected") / "scores.parquet"))
    with publish_directory(stage.output, stage.inputs) as folder:
        write_table(summarise(cells, runs, settings.confidence), folder / "summary.parquet")
        write_table(contrast(cells, runs, **settings.as_json()), folder / "contrasts.parquet")


if __name__ == "__main__":
    run(main)
