"""One look for every figure: sizes, fonts, colours, markers, axes, legends and notes.

Sizes are those of a printed page: 85 mm is one column of a two-column paper, 178 mm the width of its text. Nothing is
placed by hand: matplotlib's constrained layout makes room, legends and notes lie outside the panels.
"""

import contextlib
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from potstill.errors import ConfigError
from potstill.plan.specs.figure import FigureSettings

INCH = 25.4  # mm
POINT = INCH / 72  # mm
WIDTH = {"single": 85.0, "double": 178.0}  # mm
NARROWEST_PANEL = 55.0  # mm
TICK = 9.5  # mm: room for a tick label
LOG_RATIO, LOG_RATIO_FROM_ZERO = 5.0, 10.0  # an axis is logarithmic when its values span more than this
TITLE = 6.0  # mm
DPI = 300
INK, GREY, LIGHT = "#222222", "#767676", "#DDDDDD"
GREY_TEXT = "#555555"  # readable on a shade, too
MODEL = "#44546A"  # a model without regard to a method
DASHES, DOTS = (0, (4, 2)), (0, (1, 1.5))
FAINT = 0.5  # opacity of single seeds

# Okabe and Ito's colours, which the colour-blind tell apart; their yellow is too pale for a line on paper.
# The baseline is grey and the teacher black: what all else is measured against.
METHOD_COLOURS = {"b0": GREY, "kd1": "#0072B2", "kd2": "#D55E00", "kd3": "#009E73", "teacher": INK}
OWN_COLOURS = ["#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933", "#332288"]
TERM_COLOURS = {
    "loss": GREY,
    "validation_loss": INK,
    "loss_ce": "#0072B2",
    "loss_kd": "#D55E00",
    "loss_feature": "#009E73",
}
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "p", "h", "<", ">"]

LABELS = {
    "b0": "B0 fine-tuning",
    "kd1": "KD1 logits",
    "kd2": "KD2 sequences",
    "kd3": "KD3 features",
    "accuracy": "Accuracy",
    "f1": "F1",
    "exact_match": "Exact match",
    "loss": "total",
    "loss_ce": "cross-entropy",
    "loss_kd": "distillation",
    "loss_feature": "hidden states",
    "validation_loss": "validation",
}


@contextlib.contextmanager
def applied(settings: FigureSettings) -> Iterator[None]:
    """Matplotlib's settings while a figure is drawn and written."""
    small = settings.font_size - 0.5
    look: Any = {
        # DejaVu comes with matplotlib: the same letters on every machine. An SVG keeps its text as text, so whoever opens it
        # without DejaVu sees the next one, whose letters are as wide.
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
        "font.size": small,
        "axes.labelsize": settings.font_size,
        "axes.titlesize": settings.font_size,
        "axes.titlelocation": "left",
        "figure.titlesize": settings.font_size + 1,
        "legend.fontsize": small,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "legend.columnspacing": 1.4,
        "legend.handletextpad": 0.5,
        "legend.handleheight": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.linewidth": 0.6,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "grid.color": LIGHT,
        "grid.linewidth": 0.5,
        "axes.axisbelow": True,
        "lines.linewidth": 1.2,
        "lines.solid_capstyle": "butt",
        "savefig.dpi": DPI,
        "pdf.fonttype": 42,  # letters stay text; publishers refuse the default Type 3
        "svg.fonttype": "none",
        "svg.hashsalt": "potstill",
    }
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a person's own matplotlibrc says
        mpl.rcParams.update(look)
        yield


def panels(settings: FigureSettings, rows: int, columns: int, row_height: float) -> tuple[Figure, np.ndarray]:
    """A figure of the settings' width with a grid of panels.

    Args:
        row_height: mm of one row, unless the settings have one.

    Returns:
        The figure and its axes [rows, columns].
    """
    height = rows * (settings.height or row_height) + (TITLE if settings.title else 0)
    # Laid out at the resolution it is written with: letters are hinted, so their widths depend on it.
    figure = Figure(figsize=(WIDTH[settings.width] / INCH, height / INCH), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)  # can measure text before anything is written
    _layout(figure).set(w_pad=2 * POINT / INCH, h_pad=2 * POINT / INCH, wspace=0.03, hspace=0.04)
    axes = figure.subplots(rows, columns, squeeze=False)
    if settings.title:
        letters = int(WIDTH[settings.width] / POINT / (0.7 * (settings.font_size + 1)))  # bold: 0.7 of the size wide
        figure.suptitle(wrapped(settings.title, letters), x=0.01, ha="left", fontweight="bold")
    return figure, axes


def columns_that_fit(settings: FigureSettings, count: int, narrowest: float = NARROWEST_PANEL) -> int:
    """How many of `count` panels lie side by side, none narrower than `narrowest` mm, in lines as even as can be."""
    most = max(1, int(WIDTH[settings.width] // narrowest))
    return -(-count // -(-count // most))


def ticks_that_fit(settings: FigureSettings, columns: int) -> int:
    """How many tick labels fit under one of `columns` panels."""
    return max(2, min(7, int(0.7 * WIDTH[settings.width] / columns / TICK)))


def label(name: str, settings: FigureSettings) -> str:
    """The printed name of a method, model, task, metric or loss term."""
    return settings.labels.get(name, LABELS.get(name, name))


def wrapped(text: str, characters: int) -> str:
    """`text` in lines of at most `characters`, broken after spaces, hyphens, underscores, dots and slashes."""
    lines = [""]
    for piece in re.split(r"(?<=[-_./ ])(?=\S)", text):
        if lines[-1] and len(lines[-1] + piece.rstrip()) > characters:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def axis_label(template: str, **values: str) -> str:
    """An axis label with its placeholders filled in.

    Raises:
        ConfigError: a placeholder that this figure has no value for.
    """
    try:
        return template.format(**values)
    except (KeyError, IndexError, ValueError):
        known = ", ".join(f"{{{name}}}" for name in values) or "none"
        raise ConfigError(f"config/figures.yaml: axis label {template!r}: placeholders known here: {known}") from None


def method_colours(methods: Iterable[str], settings: FigureSettings) -> dict[str, str]:
    """One colour a method, the same in every figure: own methods take theirs in alphabetical order."""
    return _colours(METHOD_COLOURS | settings.colours, methods)


def term_colours(terms: Iterable[str], settings: FigureSettings) -> dict[str, str]:
    """One colour a loss term (a column of the history), the same in every panel."""
    return _colours(TERM_COLOURS | settings.colours, terms)


def _colours(known: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    """`known` colours, and for other names those that are left.

    Raises:
        ConfigError: more names than colours that can be told apart.
    """
    own = sorted(set(names) - set(known))
    if len(own) > len(OWN_COLOURS):
        named = ", ".join(own[len(OWN_COLOURS) :])
        raise ConfigError(f"config/figures.yaml: no colours left for {named}: name some under `colours`")
    return known | dict(zip(own, OWN_COLOURS, strict=False))


def student_markers(students: Sequence[str]) -> dict[str, str]:
    """One marker a student, by its place in the experiment."""
    return {student: MARKERS[place % len(MARKERS)] for place, student in enumerate(students)}


def value_axis(axes: Axes, values: Iterable[float], ticks: int, pad: float = 0.06, zero: bool = False) -> None:
    """A horizontal axis for positive sizes or durations, logarithmic when they span a wide range.

    Args:
        ticks: how many tick labels fit.
        pad: share of the axis to leave free at either end.
        zero: a linear axis starts at zero.
    """
    low, high = min(values), max(values)
    share = pad / (1 - 2 * pad)
    if low > 0 and high / low > (LOG_RATIO_FROM_ZERO if zero else LOG_RATIO):
        axes.set_xscale("log")
        margin = (high / low) ** share
        axes.set_xlim(low / margin, high * margin)
        axes.xaxis.set_major_locator(FixedLocator(_log_ticks(low / margin, high * margin, ticks)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        margin = ((high - low) or 0.5 * high or 1.0) * share
        axes.set_xlim(0 if zero else max(low - margin, 0), high / (1 - pad) if zero else high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value)))


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    """The densest of the usual logarithmic ticks of which at most `count` lie in between; two at the least."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    choices = [
        [digit * 10.0**decade for decade in range(first, last + 1, step) for digit in digits]
        for digits, step in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3))
    ]
    inside = [[tick for tick in ticks if low <= tick <= high] for ticks in choices]
    usable = [ticks for ticks in inside if len(ticks) >= 2]
    return next((ticks for ticks in usable if len(ticks) <= count), usable[-1])


def quantity(value: float) -> str:
    """A number for people: 15.6M parameters, 7B, 0.25, 12."""
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if suffix == 'k' else size):.3g}{suffix}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def finish(figure: Figure, handles: Sequence[Artist], note: str = "", beside: bool = False) -> None:
    """Add a legend below the panels, or `beside` them, and a note at the foot; the figure grows by what they need.

    A legend below takes as many columns as the width has room for; labels and titles are wrapped to their panel's size.
    """
    gap = 4 / 72
    width, height = figure.get_size_inches()
    foot, right = 0.0, width
    text = _note(figure, note, gap) if note else None
    if text is not None:
        foot += _size(figure, text)[1] + 2 * gap
    drawn = _legend(figure, handles, width - 2 * gap, beside) if handles else None
    legend_width, legend_height = _size(figure, drawn) if drawn is not None else (0.0, 0.0)
    if drawn is not None and not beside:
        legend_foot = foot + gap
        foot += legend_height + 2 * gap
    figure.set_figheight(height + foot)
    if text is not None:
        text.set_y(gap / (height + foot))
    if drawn is not None and beside:
        right -= legend_width + 3 * gap
        drawn.set_bbox_to_anchor((1 - gap / width, (foot + height / 2) / (height + foot)))
    elif drawn is not None:
        drawn.set_bbox_to_anchor((0.5, legend_foot / (height + foot)))
    _layout(figure).set(rect=(0, foot / (height + foot), right / width, height / (height + foot)))
    figure.draw_without_rendering()
    for axes in figure.axes:
        box = axes.get_window_extent()
        _wrap_to(axes.xaxis.label, box.width)
        _wrap_to(axes.yaxis.label, box.height)
        _wrap_to(axes.set_title(axes.get_title("left")), box.width)


def swatch(colour: str, text: str) -> Patch:
    """Legend entry of a colour."""
    return Patch(color=colour, linewidth=0, label=text)


def marker(
    shape: str,
    text: str,
    colour: str = GREY,
    size: float = 5,
    alpha: float = 1.0,
    hollow: bool = False,
    edge: float = 0.0,
) -> Line2D:
    """Legend entry of a marker (`size` in pt); `hollow` where the shape alone matters; `edge` (pt) of one that is a line."""
    line = Line2D([], [], color=colour, marker=shape, markersize=size, linestyle="none", alpha=alpha, label=text)
    if hollow:
        line.set_markerfacecolor("none")
    else:
        line.set_markeredgewidth(edge)
    return line


def segment(text: str, colour: str = GREY, dashes: Any = "-", width: float = 1.4) -> Line2D:
    """Legend entry of a line (`width` in pt)."""
    return Line2D([], [], color=colour, linestyle=dashes, linewidth=width, label=text)


def _legend(figure: Figure, handles: Sequence[Artist], room: float, beside: bool) -> Legend:
    """A legend in one column, or in as many as fit into `room` inches; still to be put in its place."""
    look: dict[str, Any] = {"loc": "center right" if beside else "lower center", "borderaxespad": 0, "borderpad": 0}
    for columns in range(1 if beside else len(handles), 1, -1):
        legend = figure.legend(handles=list(handles), ncols=columns, **look)
        if _size(figure, legend)[0] <= room:
            return legend
        legend.remove()
    return figure.legend(handles=list(handles), **look)


def _note(figure: Figure, note: str, gap: float) -> Text:
    size = mpl.rcParams["font.size"] - 0.5
    # A letter of DejaVu Sans is 0.55 of its size wide on average; 0.6 keeps every line inside.
    lines = textwrap.wrap(note, int(figure.get_figwidth() * 72 / (0.6 * size)))
    left = gap / figure.get_figwidth()
    return figure.text(left, 0, "\n".join(lines), fontsize=size, color=GREY, va="bottom", linespacing=1.15)


def _wrap_to(label: Text, room: float) -> None:
    """Break those lines of a label or title that are longer than `room` pixels."""
    lines = []
    for line in label.get_text().split("\n"):
        label.set_text(line)
        extent = label.get_window_extent()
        length = extent.width if label.get_rotation() == 0 else extent.height
        lines.append(wrapped(line, int(len(line) * room / length)) if length > room else line)
    label.set_text("\n".join(lines))


def _size(figure: Figure, artist: Artist) -> tuple[float, float]:
    """Width and height of an artist in inches."""
    assert isinstance(figure.canvas, FigureCanvasAgg)
    box = artist.get_window_extent(figure.canvas.get_renderer())
    return box.width / figure.dpi, box.height / figure.dpi


def _layout(figure: Figure) -> ConstrainedLayoutEngine:
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    return engine
