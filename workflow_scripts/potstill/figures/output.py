"""Draw one figure and write it as PNG, PDF, SVG and CSV; the same figure gives the same bytes."""

import importlib
from pathlib import Path
from types import ModuleType

from potstill.errors import ConfigError
from potstill.figures import style
from potstill.figures.data import Data
from potstill.plan.specs.figure import FigureSpec

# Matplotlib would write the time of day and its version.
METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


def write_figure(spec: FigureSpec, data: Data, folder: Path) -> list[Path]:
    """Write `<name>.png`, `.pdf`, `.svg` and `.csv` (the values drawn) into `folder`, and return the four paths.

    Args:
        data: directory of each of the spec's inputs.

    Raises:
        ConfigError: no module of that name, or a label or colour that cannot be used.
        ArtefactError: an input is missing, damaged, or has nothing to draw.
    """
    module = _module(spec.name)
    with style.applied(spec.settings):
        figure, shown = module.draw(data, spec.settings)
        # Laid out once: otherwise each format computes it again, which takes longer than drawing.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for kind, metadata in METADATA.items():
            figure.savefig(folder / f"{spec.name}.{kind}", metadata=metadata)
    shown.to_csv(folder / f"{spec.name}.csv", index=False, lineterminator="\n")
    return [folder / f"{spec.name}.{kind}" for kind in (*METADATA, "csv")]


def _module(name: str) -> ModuleType:
    known = sorted(path.stem for path in Path(__file__).parent.glob("fig_*.py"))
    if name not in known:
        missing = f"no figure {name}: potstill/figures/{name}.py does not exist"
        raise ConfigError(f"config/figures.yaml: {missing} (there are: {', '.join(known)})")
    return importlib.import_module(f"potstill.figures.{name}")
