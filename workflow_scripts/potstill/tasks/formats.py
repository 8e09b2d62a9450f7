"""Data files as rows: CSV, TSV, JSONL, Parquet and SQuAD's JSON. Each row remembers its place, for messages."""

import csv
import difflib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from potstill.errors import DataError
from potstill.plan.specs.prepare import DataFormat

# A cell of a CSV file may be a whole document; Python's own limit is 128 kB.
csv.field_size_limit(2**30)

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """The rows of one file, in its order.

    Attributes:
        columns: all column names that occur.
        values: column -> value, one mapping a row; a cell that is not there is absent or None.
        numbers: where each row stands, counted from 1 in `unit`s (line, row, question).
    """

    path: Path
    columns: tuple[str, ...]
    values: list[Row]
    numbers: list[int]
    unit: str

    def where(self, index: int, folder: bool = True) -> str:
        """The place of a row, for a message; without the folder it is the same wherever the data lie."""
        return f"{self.path if folder else self.path.name}, {self.unit} {self.numbers[index]}"

    def column(self, role: str, names: str | tuple[str, ...]) -> str:
        """The first of `names` that is a column here.

        Raises:
            DataError: none is; names the columns that were found and the nearest one.
        """
        wanted = (names,) if isinstance(names, str) else names
        for name in wanted:
            if name in self.columns:
                return name
        close = difflib.get_close_matches(wanted[0], self.columns, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise DataError(
            f"{self.path}: {role} should be in the column {' or '.join(map(repr, wanted))}, "
            f"but the columns are {', '.join(map(repr, self.columns))}{hint}"
        )


def read_rows(path: Path, data_format: DataFormat) -> Rows:
    """Every row of a data file.

    Raises:
        DataError: missing, empty, not UTF-8, or not in this format; with the line where it is known.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file in the data set")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    match data_format:
        case "csv":
            rows = _delimited(path, csv.reader(io.StringIO(_text(path), newline=""), strict=True))
        case "tsv":
            # Tab-separated data sets (GLUE among them) do not quote: a quotation mark is text.
            stream = io.StringIO(_text(path), newline="")
            rows = _delimited(path, csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
        case "jsonl":
            rows = _jsonl(path)
        case "parquet":
            rows = _parquet(path)
        case "squad":
            rows = _squad(path)
    if not rows.values:
        raise DataError(f"{path}: holds no rows")
    return rows


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; "
            f"convert the file, for example: iconv -f LATIN1 -t UTF-8 {path.name}"
        ) from None


def _delimited(path: Path, reader: Any) -> Rows:
    values: list[Row] = []
    numbers: list[int] = []
    line = 1
    try:
        header = tuple(next(reader, ()))
        if len(set(header)) < len(header):
            raise DataError(f"{path}, line 1: two columns have the same name: {', '.join(map(repr, header))}")
        line = reader.line_num + 1  # a quoted cell may span lines: a row is named by its first
        for record in reader:
            if len(record) > len(header):
                raise DataError(f"{path}, line {line}: {len(record)} fields, but the header has {len(header)}")
            if record:
                values.append(dict(zip(header, record, strict=False)))
                numbers.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: {error}") from None
    return Rows(path, header, values, numbers, "line")


def _jsonl(path: Path) -> Rows:
    values: list[Row] = []
    numbers: list[int] = []
    # Not str.splitlines: it also splits at U+2028 and its like, which JSON strings may hold.
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON: {error}; JSONL is one object a line") from None
        if not isinstance(value, dict):
            raise DataError(f"{path}, line {number}: expected an object {{...}}, found {type(value).__name__}")
        values.append(value)
        numbers.append(number)
    return Rows(path, tuple(dict.fromkeys(name for value in values for name in value)), values, numbers, "line")


def _parquet(path: Path) -> Rows:
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    return Rows(path, tuple(table.column_names), table.to_pylist(), list(range(1, len(table) + 1)), "row")


def _squad(path: Path) -> Rows:
    try:
        document = json.loads(_text(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise DataError(f'{path}: not SQuAD\'s JSON, which is {{"data": [{{"paragraphs": [...]}}, ...]}}')
    values = list(_squad_questions(path, document["data"]))
    columns = ("id", "title", "context", "question", "answers")
    return Rows(path, columns, values, list(range(1, len(values) + 1)), "question")


def _squad_questions(path: Path, articles: list[Any]) -> Iterator[Row]:
    for i, article in enumerate(articles, start=1):
        try:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    yield {
                        "id": question.get("id"),
                        "title": article.get("title"),
                        "context": paragraph["context"],
                        "question": question["question"],
                        "answers": [answer["text"] for answer in question["answers"]],
                    }
        except (KeyError, TypeError, AttributeError) as error:
            missing = f"without the key {error}" if isinstance(error, KeyError) else f"({error})"
            raise DataError(f"{path}: article {i} of `data` is not as in SQuAD {missing}") from None
