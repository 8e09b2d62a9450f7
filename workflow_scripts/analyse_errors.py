"""Look at single examples: agreement with the teacher, calibration, shortcuts, slices, what methods differ on."""

from potstill.products import publish_directory, verify_products
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `agreement`, `calibration`, `options`, `warnings`, `slices` and `differing`."""
    from pathlib import Path

    import pyarrow as pa
    from potstill import artefacts
    from potstill.analysis import agreement, calibration, differing, shortcuts, slices
    from potstill.analysis.answers import read_results
    from potstill.analysis.columns import columns_of_examples
    from potstill.plan.specs.analyse import OWN_SLICES, AnalyseSpec
    from potstill.tables import read_frame, write_table

    verify_products(stage.inputs)
    spec = AnalyseSpec.parse(stage.spec)
    settings, confidence = spec.settings, spec.confidence
    datasets = {task: Path(path) for task, path in stage.inputs.get("data", {}).items()}
    for dataset in datasets.values():
        artefacts.verify(dataset)
    columns = columns_of_examples(
        spec.examples, datasets, [name for name in settings.slices if name not in OWN_SLICES] if datasets else []
    )
    results = read_results(stage.path("collected"))
    baselines = read_frame(stage.path("collected") / "baselines.parquet")
    tables = {
        "agreement": (agreement.agreement(results, confidence), agreement.SCHEMA),
        "calibration": (calibration.calibration(results, settings, confidence), calibration.SCHEMA),
        "options": (shortcuts.options(results, settings.options), shortcuts.OPTION_SCHEMA),
        "warnings": (shortcuts.warnings(results, baselines, settings, confidence), shortcuts.WARNING_SCHEMA),
        "slices": (slices.slices(results, columns, settings, spec.baseline, confidence), slices.SCHEMA),
        "differing": (differing.differing(results, settings.examples_shown), differing.SCHEMA),
    }
    with publish_directory(stage.output, stage.inputs) as folder:
        for name, (frame, schema) in tables.items():
            write_table(pa.Table.from_pandas(frame, schema, preserve_index=False), folder / f"{name}.parquet")


if __name__ == "__main__":
    run(main)
