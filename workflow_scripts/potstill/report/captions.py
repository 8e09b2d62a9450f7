"""Captions of docs/captions in other notations: paragraphs with `**strong**`, `*emphasis*` and ``` ``literal`` ``` words."""

import re
from collections.abc import Callable

from markupsafe import Markup, escape

from potstill.report.table import escape_latex

_INLINE = re.compile(r"``(?P<literal>.+?)``|\*\*(?P<strong>.+?)\*\*|\*(?P<emphasis>[^*\s](?:.*?[^*\s])?)\*", re.DOTALL)


def paragraphs(text: str) -> list[str]:
    """The paragraphs, each on one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def lead(text: str) -> str:
    """The first sentence as plain text: what the picture shows, for those who do not see it."""
    first = plain(paragraphs(text)[0]) if text.strip() else ""
    return re.split(r"(?<=[.?!])\s", first, maxsplit=1)[0]


def split_lead(text: str) -> tuple[str, str]:
    """A first sentence that is bold, as plain text, and what comes after it; without one, nothing and the text."""
    match = re.match(r"\s*\*\*(.+?)\*\*\s*", text, flags=re.DOTALL)
    return (" ".join(match[1].split()), text[match.end() :]) if match else ("", text)


def plain(text: str) -> str:
    """The text without its marks."""
    return _converted(text, {}, str)


def html(text: str) -> list[Markup]:
    """Each paragraph as HTML, escaped."""
    marks = {"literal": "<code>{}</code>", "strong": "<strong>{}</strong>", "emphasis": "<em>{}</em>"}
    return [Markup(_converted(part, marks, lambda piece: str(escape(piece)))) for part in paragraphs(text)]


def latex(text: str) -> str:
    """All of it as one paragraph of LaTeX."""
    marks = {"literal": r"\texttt{{{}}}", "strong": r"\textbf{{{}}}", "emphasis": r"\emph{{{}}}"}
    return " ".join(_converted(part, marks, escape_latex) for part in paragraphs(text))


def _converted(text: str, marks: dict[str, str], escaped: Callable[[str], str]) -> str:
    pieces, end = [], 0
    for match in _INLINE.finditer(text):
        kind = str(match.lastgroup)
        pieces += [escaped(text[end : match.start()]), marks.get(kind, "{}").format(escaped(match[kind]))]
        end = match.end()
    return "".join([*pieces, escaped(text[end:])])
