"""Write a model card for each student of an experiment: where it comes from, how good it is, what may be done with it."""

from potstill.artefacts import read_json, read_manifest
from potstill.products import publish_directory, verify_products
from potstill.stage import Stage, run

PRODUCTS = ("collected", "comparison", "error_analysis")


def main(stage: Stage) -> None:
    """Write the cards and replace the folder."""
    from pathlib import Path

    from potstill.plan.specs.report import ModelCardsSpec
    from potstill.report.evidence import read_evidence
    from potstill.report.model_cards import asset, write_card
    from potstill.report.verdict import judge

    spec = ModelCardsSpec.parse(stage.spec)
    verify_products(stage.inputs)
    evidence = read_evidence({product: stage.path(product) for product in PRODUCTS if product in stage.inputs})
    verdict = judge(evidence)
    assets = {
        name: asset(read_manifest(folder), spec.licences.get(name)) for name, folder in stage.inputs["assets"].items()
    }
    splits = {
        task: read_json(Path(folder), "report.json")["splits"] for task, folder in stage.inputs["examples"].items()
    }
    with publish_directory(stage.output, stage.inputs) as folder:
        for card in spec.cards:
            text = write_card(card, spec, evidence, assets, splits[card.task], verdict).content
            (folder / card.file_name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
