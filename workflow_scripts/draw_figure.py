"""Draw one figure: PNG (at --output), PDF, SVG and the CSV of the values drawn, side by side.

The inputs are directories by product name, as the figure's settings list them, and `record` and `product_id`.
"""

from pathlib import Path

from potstill.plan.specs.figure import FigureSpec
from potstill.products import publish_files, verify_products
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Draw into a temporary folder, then replace the four files."""
    from potstill.figures.output import write_figure

    spec = FigureSpec.parse(stage.spec)
    verify_products(stage.inputs)
    data = {product: Path(stage.inputs[product]) for product in spec.settings.inputs}
    with publish_files(stage.output.parent, stage.inputs) as folder:
        write_figure(spec, data, folder)


if __name__ == "__main__":
    run(main)
