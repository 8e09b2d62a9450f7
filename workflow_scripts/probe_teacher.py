"""Find out which of several teachers this machine can fetch and hold, and record it."""

from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Write the answer to `stage.output`, a file: the first candidate that can be used, and why the others cannot."""
    import json

    from potstill.artefacts import write_atomically
    from potstill.sources.fetch import load_environment

    load_environment()  # before huggingface_hub, which others import, reads it once
    from potstill.models.device import pick_device
    from potstill.models.probe import probe, summary
    from potstill.plan.specs.probe import ProbeSpec
    from potstill.progress import say

    answer = probe(ProbeSpec.parse(stage.spec), pick_device())
    write_atomically(stage.output, json.dumps(answer, indent=1, sort_keys=True) + "\n")
    say(summary(answer))


if __name__ == "__main__":
    run(main)
