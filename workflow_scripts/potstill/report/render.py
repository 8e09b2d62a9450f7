"""The report's files from its content: one HTML page that needs nothing else, and the same in short as Markdown."""

import math
import re
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from potstill.progress import duration
from potstill.report import wording
from potstill.report.document import Document
from potstill.report.table import MISSING
from potstill.report.verdict import Kept

_UNIT = re.compile(r"(?<=\d) %")
_INTERVAL = re.compile(r"\[([-−+]?[\d.]+), ([-−+]?[\d.]+)\]")
TEMPLATES = Path(__file__).parent / "templates"


def html(document: Document) -> str:
    """The page; style, script and pictures are in it."""
    environment = _environment(escaped=True)
    css, js = (Markup((TEMPLATES / f"report.{kind}").read_text(encoding="utf-8")) for kind in ("css", "js"))
    template = environment.get_template("report.html")
    text = template.render(**_words(document), css=css, js=js, scale=_scale(document.scoreboard)).lstrip()
    # No line ends between a number and its unit, or inside an interval.
    return _INTERVAL.sub("[\\1,\u00a0\\2]", _UNIT.sub("\u00a0%", text))


def markdown(document: Document) -> str:
    """The summary."""
    text = _environment(escaped=False).get_template("summary.md").render(**_words(document))
    # Between the lines of a table the template has empty ones, which would end it.
    text = re.sub(r"(?<=\|)\n\n(?=\|)", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _environment(escaped: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "subscripts": lambda text: Markup(re.sub(r"(?<=\w)_(\w)", r"<sub>\1</sub>", str(escape(text)))),
        "percent": wording.percent,
        "percent0": lambda value: wording.percent(value, 0),
        "size": wording.size,
        "duration": lambda seconds: MISSING if math.isnan(seconds) else duration(seconds),
    }
    return environment


def _words(document: Document) -> dict[str, object]:
    return {"d": document, "interval": wording.interval, "margin": wording.margin(document.verdict)}


def _scale(shown: list[Kept]) -> Callable[[float], float]:
    """From a share of the teacher's score to percent of the width that the first page draws it on."""
    values = [value for kept in shown for value in (kept.retention, kept.low, kept.high, kept.margin) if value == value]
    low, high = min([*values, 0.9]), max([*values, 1.02])
    room = 0.04 * (high - low)

    def place(value: float) -> float:
        return round(100 * (value - low + room) / (high - low + 2 * room), 2)

    return place
