"""Look at single examples: agreement with the teacher, calibration, shortcuts, slices, what methods differ on."""

from potstill.products import publish_directory, verify_products
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `agreement`, `calibration`, `options`, `warnings`, `slices` and `differing`."""
    from pathlib import Path

    from potstill import artefacts
    from potstill.analysis.columns import columns_of_examples
    from potstill.analysis.tables import error_tables
    from potstill.plan.specs.analyse import OWN_SLICES, AnalyseSpec
    from potstill.tables import write_table

    verify_products(stage.inputs)
    spec = AnalyseSpec.parse(stage.spec)
    datasets = {task: Path(path) for task, path in stage.inputs.get("data", {}).items()}
    for dataset in datasets.values():
        artefacts.verify(dataset)
    named = [name for name in spec.settings.slices if name not in OWN_SLICES]
    columns = columns_of_examples(spec.examples, datasets, named)
    tables = error_tables(stage.path("collected"), columns, spec.settings, spec.baseline, spec.confidence)
    with publish_directory(stage.output, stage.inputs) as folder:
        for name, table in tables.items():
            write_table(table, folder / f"{name}.parquet")


if __name__ == "__main__":
    run(main)
