"""What is seen of a drawn figure."""

import itertools

from matplotlib.text import Text
from potstill.figures import rows


def texts(figure):
    """Every text that is drawn, with its box in pixels."""
    ticks, drawn_ticks = set(), set()
    for axes, of in itertools.product(figure.axes, ("xaxis", "yaxis")):
        axis = getattr(axes, of)
        # Matplotlib keeps the labels of ticks beyond the limits; this gives those that it draws.
        drawn = {tick.label1 for tick in axis._update_ticks()}
        drawn_ticks |= drawn if axis.get_visible() else set()
        ticks |= {tick.label1 for tick in [*axis.majorTicks, *axis.minorTicks]}
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(t.get_text(), t.get_window_extent()) for t in found if t not in ticks or t in drawn_ticks]


def panels(figure):
    """The axes that show data: not those which hold texts beside rows."""
    return [axes for axes in figure.axes if axes.get_label() != rows.BESIDE]


def lines(axes, marker=None):
    """The data of the lines of an axes that have this marker."""
    return [line.get_xydata() for line in axes.lines if line.get_marker() == marker]
