"""Prepare a task: a data set's files in, normalised examples of four splits that never overlap out."""

from potstill import artefacts
from potstill.plan.specs.prepare import PrepareSpec
from potstill.progress import say
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write the examples of `stage.spec` (a `PrepareSpec`) from the input `dataset`."""
    from potstill.tasks.prepare import write_examples

    spec = PrepareSpec.parse(stage.spec)
    artefacts.verify(stage.path("dataset"))
    with artefacts.writing(stage.output, spec=stage.spec) as folder:
        report = write_examples(spec, stage.path("dataset"), folder)
    for note in report["notes"]:
        say(note)


if __name__ == "__main__":
    run(main)
