"""Made-up results of several shapes, written once a session."""

import pytest
from figure_shapes import CATALOGUE, SHAPES
from potstill.plan.specs.figure import FigureSpec


@pytest.fixture(scope="session")
def shape_data(tmp_path_factory):
    """Shape name -> product name -> directory."""
    root = tmp_path_factory.mktemp("shapes")
    return {name: shape.write(root / name) for name, shape in SHAPES.items()}


@pytest.fixture(scope="session")
def spec_of():
    """Figure name, changed settings -> spec."""

    def spec(name: str, **changes: object) -> FigureSpec:
        return FigureSpec.parse({"name": name, "settings": CATALOGUE[name].model_dump() | changes})

    return spec
