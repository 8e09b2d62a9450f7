"""Data files: what is read from each format, and one message with the place for each way a file can be wrong."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from potstill.errors import DataError
from potstill.tasks.formats import read_rows

cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=8))
def test_csv_and_jsonl_and_parquet_hold_the_same_rows(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    """Quotes, commas, newlines and U+2028 inside cells included."""
    expected = [{"text": a, "label": b} for a, b in rows]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["text", "label"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(expected)
    put(tmp_path, "a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in expected))
    pq.write_table(pa.Table.from_pylist(expected), tmp_path / "a.parquet")
    assert read_rows(tmp_path / "a.csv", "csv").values == expected
    assert read_rows(tmp_path / "a.jsonl", "jsonl").values == expected
    assert read_rows(tmp_path / "a.parquet", "parquet").values == expected


def test_tsv_does_not_quote(tmp_path: Path) -> None:
    rows = read_rows(put(tmp_path, "a.tsv", 'sentence\tlabel\n" fine\t1\nsays "no"\t0\n'), "tsv")
    assert [row["sentence"] for row in rows.values] == ['" fine', 'says "no"']
    assert rows.where(1).endswith("a.tsv, line 3")


def test_a_row_is_named_by_its_first_line_where_cells_span_lines(tmp_path: Path) -> None:
    rows = read_rows(put(tmp_path, "a.csv", 'text,label\r\n"one\r\ntwo",1\r\n\r\nthree,0\r\n'), "csv")
    assert rows.numbers == [2, 5]
    assert rows.values[0]["text"] == "one\r\ntwo"


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    assert read_rows(put(tmp_path, "a.csv", b"\xef\xbb\xbftext,label\na,1\n"), "csv").columns == ("text", "label")


def test_columns_of_jsonl_are_all_keys_that_occur(tmp_path: Path) -> None:
    rows = read_rows(put(tmp_path, "a.jsonl", '{"b": 1}\n\n{"a": [1, "x"]}\n'), "jsonl")
    assert rows.columns == ("b", "a")
    assert rows.numbers == [1, 3]


def test_squad_gives_one_row_a_question(tmp_path: Path) -> None:
    questions = [{"id": "1", "question": "q", "answers": [{"text": "x", "answer_start": 0}, {"text": "y"}]}]
    document = {"version": "1.1", "data": [{"title": "T", "paragraphs": [{"context": "c", "qas": questions}]}]}
    rows = read_rows(put(tmp_path, "a.json", json.dumps(document)), "squad")
    assert rows.values == [{"id": "1", "title": "T", "context": "c", "question": "q", "answers": ["x", "y"]}]


BAD = [
    ("a.csv", "csv", b"", "the file is empty"),
    ("a.csv", "csv", "text,label\n", "holds no rows"),
    ("a.csv", "csv", "text,label\na,1\nb,c,0\n", r"line 3: 3 fields, but the header has 2"),
    ("a.csv", "csv", "text,text\na,1\n", "line 1: two columns have the same name"),
    ("a.csv", "csv", 'text,label\na,1\n"open,0\n', r"line 3: unexpected end of data"),
    ("a.csv", "csv", 'text,label\n"a"b,1\n', r"line 2: ',' expected after '\"'"),
    ("a.csv", "csv", b"text,label\nfine,1\ncaf\xe9,0\n", r"line 3: byte 0xe9 is not UTF-8; convert.*iconv"),
    ("a.tsv", "tsv", "text\tlabel\na\t1\tx\n", "line 2: 3 fields"),
    ("a.tsv", "tsv", "text\tlabel\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    ("a.jsonl", "jsonl", '{"text": "a"}\n{"text": \n', r"line 2: not JSON: .*one object a line"),
    ("a.jsonl", "jsonl", '[{"text": "a"}]\n', r"line 1: expected an object \{...\}, found list"),
    ("a.jsonl", "jsonl", "\n \n", "holds no rows"),
    ("a.jsonl", "jsonl", b'{"text": "\xff"}', "line 1: byte 0xff"),
    ("a.parquet", "parquet", b"PAR1 not really PAR1", "cannot be read as Parquet"),
    ("a.parquet", "parquet", "text,label\na,1\n", "cannot be read as Parquet"),
    ("a.json", "squad", "{", "not JSON"),
    ("a.json", "squad", "[]", "not SQuAD's JSON"),
    ("a.json", "squad", '{"data": {}}', "not SQuAD's JSON"),
    ("a.json", "squad", '{"data": [{"paragraphs": []}, {"title": "x"}]}', r"article 2 .* without the key 'paragraphs'"),
    ("a.json", "squad", '{"data": [{"paragraphs": [{"qas": [{}], "context": "c"}]}]}', "without the key 'question'"),
    ("a.json", "squad", '{"data": ["text"]}', r"article 1 of `data` is not as in SQuAD"),
    ("a.json", "squad", '{"data": []}', "holds no rows"),
]


@pytest.mark.parametrize(("name", "data_format", "content", "message"), BAD)
def test_a_bad_file_is_named_with_the_place(
    tmp_path: Path, name: str, data_format: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=f"{name}.*{message}") as caught:
        read_rows(put(tmp_path, name, content), data_format)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_rows(tmp_path / "none.csv", "csv")


def test_a_missing_column_names_those_there_are_and_the_nearest(tmp_path: Path) -> None:
    rows = read_rows(put(tmp_path, "a.csv", "sentence,label\na,1\n"), "csv")
    assert rows.column("columns.text", ("text", "sentence")) == "sentence"
    with pytest.raises(
        DataError, match=r"a\.csv: columns\.text .*'sentences'.*'sentence', 'label'; did you mean 'sentence'\?"
    ):
        rows.column("columns.text", "sentences")
