"""Put an experiment's runs side by side: answers, scores of single examples, training histories, constant answers."""

from potstill.products import publish_directory
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write `runs`, `scores`, `history`, `baselines`, `answers` and `examples`."""
    from potstill.plan.specs.collect import CollectSpec
    from potstill.report.collecting import Examples, answers, baselines, collect, shown_examples
    from potstill.tables import write_table

    spec = CollectSpec.parse(stage.spec)
    examples = Examples(stage.inputs["examples"])
    runs, scores, history = collect(spec.runs, stage.paths("runs"), examples)
    with publish_directory(stage.output, stage.inputs) as folder:
        write_table(runs, folder / "runs.parquet")
        write_table(scores, folder / "scores.parquet")
        write_table(history, folder / "history.parquet")
        write_table(baselines(spec.runs, examples), folder / "baselines.parquet")
        write_table(answers(runs, spec.runs), folder / "answers.parquet")
        write_table(shown_examples(spec.runs, examples), folder / "examples.parquet")


if __name__ == "__main__":
    run(main)
