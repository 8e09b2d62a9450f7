"""Write `report.html`, `summary.md` and the LaTeX snippets: the verdict, and all tables and figures behind it."""

from potstill.products import publish_files, verify_products
from potstill.progress import say
from potstill.stage import Stage, run

PRODUCTS = ("collected", "collected_benchmarks", "comparison", "error_analysis", "costs", "transfer")


def main(stage: Stage) -> None:
    """Judge the experiment's results and replace the report's files."""
    from potstill.plan.specs.report import ReportSpec
    from potstill.report import latex, render
    from potstill.report.document import build_document

    spec = ReportSpec.parse(stage.spec)
    verify_products(stage.inputs)
    folders = {product: stage.path(product) for product in PRODUCTS if product in stage.inputs}
    experiment = stage.paths("reads")[0].parent.parent  # where the figures and tables lie
    document = build_document(spec, folders, stage.paths("reads"), experiment)
    with publish_files(stage.output.parent, stage.inputs) as folder:
        (folder / "latex").mkdir()
        for name, text in (
            ("report.html", render.html(document)),
            ("summary.md", render.markdown(document)),
            ("latex/numbers.tex", latex.numbers(document)),
            ("latex/figures.tex", latex.figures(document)),
        ):
            (folder / name).write_text(text, encoding="utf-8")
    say(f"{stage.output}: {document.headline}")


if __name__ == "__main__":
    run(main)
