"""What a terminal shows after some bytes: the few control sequences that a live table is drawn with."""

import re

SEQUENCE = re.compile(r"\x1b\[(?P<numbers>[?\d;]*)(?P<command>[A-Za-z])|(?P<text>[^\x1b])", flags=re.DOTALL)


def screen(drawn: str, width: int = 120) -> list[str]:
    """The lines that stand on an endless terminal of this width; colours are left out."""
    lines, row, column = [""], 0, 0
    for token in SEQUENCE.finditer(drawn):
        if token["command"] == "A":
            row = max(row - int(token["numbers"] or 1), 0)
        elif token["command"] == "K":
            lines[row] = ""
        elif token["text"] == "\r":
            column = 0
        elif token["text"] == "\n" or (token["text"] and column == width):
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        if token["text"] and token["text"] not in "\r\n":
            line = lines[row].ljust(column)
            lines[row] = line[:column] + token["text"] + line[column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]
