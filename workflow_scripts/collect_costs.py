"""Add up what an experiment's jobs took: each method's own training, and its share of what the teacher did for it."""

from potstill.products import publish_directory
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `costs`."""
    from pathlib import Path

    from potstill.plan.specs.costs import CollectCostsSpec
    from potstill.report.collecting_costs import collect_costs, teacher_jobs
    from potstill.tables import write_table

    spec = CollectCostsSpec.parse(stage.spec)
    fits, passes = (
        {task: Path(path) for task, path in stage.inputs.get(role, {}).items()} for role in ("fits", "predictions")
    )
    shards = stage.paths("targets")
    table = collect_costs(
        spec, stage.paths("runs"), shards, teacher_jobs(fits, "train"), teacher_jobs(passes, "predict")
    )
    with publish_directory(stage.output, stage.inputs) as folder:
        write_table(table, folder / "costs.parquet")


if __name__ == "__main__":
    run(main)
