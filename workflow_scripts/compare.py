"""Compare an experiment's methods: means, intervals and contrasts from the scores of single examples."""

from potstill.products import publish_directory, verify_products
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write the tables of the comparison, one Parquet file each."""
    from potstill.plan.specs.compare import CompareSpec
    from potstill.statistics.comparison import compare
    from potstill.tables import read_frame, write_table

    verify_products(stage.inputs)
    settings = CompareSpec.parse(stage.spec).comparison
    collected = stage.path("collected")
    runs, scores = (read_frame(collected / f"{name}.parquet") for name in ("runs", "scores"))
    with publish_directory(stage.output, stage.inputs) as folder:
        for name, table in compare(runs, scores, **settings.as_json()).items():
            write_table(table, folder / f"{name}.parquet")


if __name__ == "__main__":
    run(main)
