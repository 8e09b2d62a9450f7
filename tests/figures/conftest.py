"""Made-up results of several shapes, written once a session."""

import functools
import importlib

import pytest
from figure_shapes import CATALOGUE, SHAPES
from potstill.figures import style
from potstill.plan.specs.figure import FigureSpec

NARROW = {"width": "single", "title": "A title above the figure"}
# Each shape in one width: the small ones in a column, with long names and titles, the others across the page.
CHANGES = {"one_student_one_seed": NARROW, "long_names": NARROW, "no_teacher_logits": NARROW}


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


@pytest.fixture(scope="session")
def draw(shape_data, spec_of):
    """Figure name, shape -> the laid-out figure and the values that it shows; each drawn once."""

    @functools.cache
    def drawn(name, shape):
        spec = spec_of(name, **CHANGES.get(shape, {}))
        module = importlib.import_module(f"potstill.figures.{name}")
        with style.applied(spec.settings):
            figure, shown = module.draw(shape_data[shape], spec.settings)
            figure.draw_without_rendering()
        return figure, shown

    return drawn
