"""From files to examples: the format of the tables, who ends in which split, and a message for each bad input."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pydantic
import pytest
from potstill import artefacts
from potstill.errors import DataError
from potstill.plan.specs.prepare import PrepareSpec
from potstill.tables import read_frame, read_table
from potstill.tasks.examples import gold_answers, plain
from potstill.tasks.prepare import SCHEMA, prepare, write_examples

SCRIPTS = Path(artefacts.__file__).parent.parent
SPLITS = ("train", "transfer", "validation", "test")
LABELS = [
    {"value": 0, "name": "negative", "verbalizer": " negative"},
    {"value": 1, "name": "positive", "verbalizer": " positive"},
]
CLASSIFICATION: dict[str, Any] = {
    "kind": "classification",
    "format": "csv",
    "files": {"all": ["a.csv"]},
    "columns": {"text": "text", "label": "label"},
    "prompt": "Review: {text}\nSentiment:",
    "text": "{text}",
    "labels": LABELS,
    "splits": {"train": "all[:100]", "transfer": "all[100:150]", "test": "all[150:]"},
}
QA: dict[str, Any] = {
    "kind": "extractive-qa",
    "format": "jsonl",
    "files": {"train": ["train.jsonl"], "dev": ["dev.jsonl"]},
    "columns": {"question": "question", "context": "context", "answers": "answers"},
    "prompt": "{context}\n{question}",
    "text": "{question} {context}",
    "splits": {"train": "train", "test": "dev"},
}


def spec(base: Mapping[str, Any] = CLASSIFICATION, **changes: Any) -> PrepareSpec:
    return PrepareSpec.parse({**base, **changes})


def reviews(n: int = 200) -> str:
    return "text,label\n" + "".join(f"film {i} is {'good' if i % 2 else 'bad'},{i % 2}\n" for i in range(n))


def questions(n: int, passages: int, start: int = 0) -> str:
    rows = [
        {"question": f"who is {i}?", "context": f"passage {i % passages + start}", "answers": [f"number {i}", f"{i}"]}
        for i in range(start, start + n)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text(reviews())
    (tmp_path / "train.jsonl").write_text(questions(60, 12))
    (tmp_path / "dev.jsonl").write_text(questions(20, 4, start=1000))
    return tmp_path


def written(spec: PrepareSpec, dataset: Path, output: Path) -> dict[str, pd.DataFrame]:
    output.mkdir()
    write_examples(spec, dataset, output)
    return {split: read_frame(output / f"{split}.parquet") for split in SPLITS}


def test_the_tables_are_as_documented(folder: Path) -> None:
    frames = written(spec(), folder, folder / "out")
    assert {split: len(frame) for split, frame in frames.items()} == {
        "train": 90,
        "transfer": 50,
        "validation": 10,
        "test": 50,
    }
    for split, frame in frames.items():
        assert read_table(folder / "out" / f"{split}.parquet").schema.equals(SCHEMA)
        assert frame["example_id"].is_monotonic_increasing
        assert frame["example_id"].str.fullmatch("[0-9a-f]{16}").all()
        assert all(list(choices) == [" negative", " positive"] for choices in frame["choices"])
        row = frame.iloc[0]
        assert row["prompt"] == f"Review: {row['text']}\nSentiment:"
    labelled = pd.concat([frames[split] for split in ("train", "validation", "test")])
    assert list(labelled["label"]) == ["good" in text for text in labelled["text"]]
    assert [list(a) for a in labelled["answers"]] == [[LABELS[i]["verbalizer"]] for i in labelled["label"]]
    assert set(frames["transfer"]["label"]) == {-1}
    assert all(len(a) == 0 for a in frames["transfer"]["answers"])
    ids = pd.concat(frames.values())["example_id"]
    assert ids.is_unique
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["splits"]["test"]["labels"] == {"negative": 25, "positive": 25}
    assert report["splits"]["transfer"]["labels"] == {"negative": 0, "positive": 0}
    assert report["sources"]["all"]["rows"] == 200


def test_the_name_of_an_example_is_its_input_not_its_answer(folder: Path) -> None:
    before = written(spec(), folder, folder / "one")["test"]
    (folder / "a.csv").write_text(reviews().replace(",1\n", ",x\n").replace(",0\n", ",1\n").replace(",x\n", ",0\n"))
    after = written(spec(), folder, folder / "two")["test"]
    assert list(before["example_id"]) == list(after["example_id"])
    assert list(before["label"]) == [1 - label for label in after["label"]]
    other_prompt = written(spec(prompt="{text}:"), folder, folder / "three")["test"]
    assert set(other_prompt["example_id"]).isdisjoint(before["example_id"])
    assert set(other_prompt["text"]) == set(before["text"])


def test_the_same_files_give_the_same_bytes_and_the_order_of_rows_does_not_count_when_shuffled(folder: Path) -> None:
    shuffled = spec(shuffle_seed=0)
    written(shuffled, folder, folder / "one")
    header, *rows = (folder / "a.csv").read_text().splitlines(keepends=True)
    (folder / "a.csv").write_text("".join([header, *reversed(rows)]))
    written(shuffled, folder, folder / "two")
    for name in os.listdir(folder / "one"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes(), name


def test_the_wording_of_the_prompt_moves_nobody_to_another_split(folder: Path) -> None:
    one, _ = prepare(spec(shuffle_seed=3), folder)
    two, _ = prepare(spec(shuffle_seed=3, prompt="Is this good? {text}"), folder)
    for split in SPLITS:
        assert set(one[split]["text"]) == set(two[split]["text"])


def test_passages_stay_together_and_answers_keep_their_order(folder: Path) -> None:
    frames = written(spec(QA, validation_fraction=0.25), folder, folder / "out")
    train, validation = frames["train"], frames["validation"]
    assert set(train["cluster_id"]).isdisjoint(validation["cluster_id"])
    assert train["cluster_id"].nunique() + validation["cluster_id"].nunique() == 12
    assert len(validation) == 15
    for frame in (train, validation, frames["test"]):
        for _, row in frame.iterrows():
            number = row["prompt"].split("who is ")[1].rstrip("?")
            assert list(row["answers"]) == [f"number {number}", number]
        assert set(frame["label"]) == {-1}
        assert all(len(choices) == 0 for choices in frame["choices"])


def test_duplicates_go_and_are_counted(folder: Path) -> None:
    (folder / "a.csv").write_text(reviews() + "film 0 is bad ,0\nfilm 1 is good,0\n")
    frames, report = prepare(spec(), folder)
    assert sum(map(len, frames.values())) == 200
    assert (report["sources"]["all"]["duplicates"], report["sources"]["all"]["inputs_with_two_answers"]) == (2, 1)
    assert any("2 rows repeat an earlier input (inputs with different answers: 1" in n for n in report["notes"])


def test_slices_count_raw_rows_without_deduplication_and_ids_stay_unique(folder: Path) -> None:
    (folder / "a.csv").write_text(reviews(10).replace("film 3 is good,1\n", "film 2 is bad,0\n"))
    slices = {"train": "all[:6]", "test": "all[6:]"}
    raw, _ = prepare(spec(splits=slices, deduplicate=False), folder)
    clean, _ = prepare(spec(splits=slices), folder)
    assert len(raw["train"]) + len(raw["validation"]) == 5
    assert len(clean["train"]) + len(clean["validation"]) == 6


def test_overlap_goes_to_test_then_validation_then_train(folder: Path) -> None:
    slices = {"train": "all[:120]", "transfer": "all[:180]", "validation": "all[80:140]", "test": "all[100:150]"}
    frames, report = prepare(spec(splits=slices), folder)
    assert {split: len(frame) for split, frame in frames.items()} == {
        "test": 50,
        "validation": 20,
        "train": 80,
        "transfer": 30,
    }
    dropped = {split: report["splits"][split]["overlap_dropped"] for split in SPLITS}
    assert dropped == {
        "test": {},
        "validation": {"test": 40},
        "train": {"test": 20, "validation": 20},
        "transfer": {"test": 50, "validation": 20, "train": 80},
    }
    assert "train: left out 20 examples that test has too" in report["notes"]


def test_a_few_rows_without_label_are_left_out_and_reported(folder: Path) -> None:
    (folder / "a.csv").write_text(reviews() + "a depressed fifteen-year-old 's suicidal poetry ,\n ,1\n")
    _, report = prepare(spec(), folder)
    assert report["sources"]["all"]["incomplete"] == 2
    assert any(
        "left out 2 of 202 rows without text, label or answer (the first: a.csv, line 202)" in n
        for n in report["notes"]
    )


def test_transfer_needs_no_labels(folder: Path) -> None:
    (folder / "raw.csv").write_text("text\n" + "".join(f"unlabelled {i}\n" for i in range(30)))
    files = {"all": ["a.csv"], "raw": ["raw.csv"]}
    frames, _ = prepare(
        spec(files=files, splits={"train": "all[:100]", "test": "all[100:]", "transfer": "raw"}), folder
    )
    assert len(frames["transfer"]) == 30


@pytest.mark.parametrize("kept", ["b", ("b",), ("b", "none")])
def test_only_rows_with_the_wanted_values_are_read(folder: Path, kept: Any) -> None:
    rows = reviews().splitlines()
    tagged = [rows[0] + ",source", *(f"{row},{'ab'[i % 2]}" for i, row in enumerate(rows[1:]))]
    (folder / "a.csv").write_text("\n".join(tagged))
    frames, report = prepare(spec(keep={"source": kept}, splits={"train": "all[:50]", "test": "all[50:]"}), folder)
    assert set(pd.concat(frames.values())["label"]) == {1}
    assert (report["sources"]["all"]["rows"], report["sources"]["all"]["kept"]) == (200, 100)


def test_labels_are_the_same_as_text_and_as_numbers(folder: Path) -> None:
    rows = [{"text": f"t {i}", "label": i % 2} for i in range(40)]
    slices = {"train": "all[:20]", "test": "all[20:]"}
    tables = []
    for values in ((0, 1), ("0", "1"), (0.0, 1.0), (" 0", "1 ")):
        (folder / "a.jsonl").write_text("\n".join(json.dumps({**row, "label": values[row["label"]]}) for row in rows))
        for configured in ((0, 1), ("0", "1")):
            labels = [{**label, "value": value} for label, value in zip(LABELS, configured, strict=True)]
            changed = spec(format="jsonl", files={"all": ["a.jsonl"]}, labels=labels, splits=slices)
            tables.append(prepare(changed, folder)[0]["test"])
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_columns_may_have_other_names_in_other_files(folder: Path) -> None:
    (folder / "b.csv").write_text(reviews(30).replace("text,", "sentence,").replace("film", "movie"))
    files = {"train": ["a.csv"], "dev": ["b.csv"]}
    columns = {"text": ["sentence", "text"], "label": "label"}
    frames, _ = prepare(spec(files=files, columns=columns, splits={"train": "train", "test": "dev"}), folder)
    assert len(frames["test"]) == 30


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("x ", ["x"]),
        (["x", "y", "x"], ["x", "y"]),
        ({"text": ["x", "y"], "answer_start": [1, 2]}, ["x", "y"]),
        ([{"text": "x", "answer_start": 0}], ["x"]),
        (7, ["7"]),
        (None, []),
        ([], []),
        (["", None], []),
        ({"answer": "x"}, []),
    ],
)
def test_gold_answers_in_all_their_forms(cell: Any, expected: list[str]) -> None:
    assert gold_answers(cell) == expected


def test_cells_as_text() -> None:
    assert [plain(cell) for cell in (1, 1.0, 1.5, " a ", None, float("nan"), True)] == [
        "1",
        "1",
        "1.5",
        "a",
        "",
        "",
        "true",
    ]


BAD_DATA: list[tuple[str, dict[str, Any], str]] = [
    (reviews().replace("film 7 is good,1", "film 7 is good,2"), {}, r"a\.csv, line 9: the label '2' is none of: 0, 1"),
    (reviews() + "x,\ny,\nz,\n", {}, r"a\.csv, line 202: no text, label or answer here, and in 3 of 203 rows"),
    (
        "sentence,label\na,1\n",
        {},
        r"a\.csv: columns\.text should be in the column 'text', but the columns are 'sentence'",
    ),
    ("text,labels\na,1\n", {}, r"columns\.label .* did you mean 'labels'"),
    (reviews(), {"keep": {"source": "x"}}, r"keep\.source should be in the column 'source'"),
    (reviews(), {"keep": {"label": 5}}, r"no row has label 5; label is '0', '1'"),
    (reviews(149), {}, r"splits\.transfer: all\[100:150\] asks for row 150, but there are 149 rows"),
    (reviews(150), {}, r"splits\.test: all\[150:\] selects nothing of 150 rows"),
    (
        reviews(),
        {"splits": {"train": "all", "test": "all"}},
        r"splits\.train: nothing is left, test has every example of all",
    ),
    (reviews(2), {"splits": {"train": "all[:1]", "test": "all[1:]"}}, r"splits\.validation: cannot be cut from train"),
    ("", {}, "a.csv: the file is empty"),
    (reviews(), {"files": {"all": ["b.csv"]}}, r"b\.csv: no such file"),
    (reviews(), {"files": {"all": ["."]}}, r"files\.all: '\.' means the only file of the data set, but .* has 3"),
    (reviews(), {"columns": {"text": "text", "label": "label", "cluster": "group"}}, r"columns\.cluster should be"),
]


@pytest.mark.parametrize(("content", "changes", "message"), BAD_DATA)
def test_bad_data_is_one_message(folder: Path, content: str, changes: dict[str, Any], message: str) -> None:
    (folder / "a.csv").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        prepare(spec(**changes), folder)
    assert "\n" not in str(caught.value)


BAD_SPECS: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "Review: {txt}"}, r"names \{txt\}; allowed are \{text\}, \{question\}, \{context\}"),
    ({"prompt": "{label} {text}"}, r"names \{label\}; allowed are"),
    ({"prompt": "{text.__class__}"}, "allowed are"),
    ({"prompt": "{text!r}"}, "allowed are"),
    ({"prompt": "{}"}, "allowed are"),
    ({"prompt": "{text"}, "is malformed"),
    ({"prompt": "Sentiment:"}, "names no column"),
    ({"text": "{question}"}, r"columns\.question: missing"),
    ({"columns": {"text": "text"}}, r"columns\.label: missing"),
    ({"labels": LABELS[:1]}, "found 1, a classification needs at least two"),
    ({"labels": [LABELS[0], {**LABELS[1], "value": "0"}]}, "two have the value '0'"),
    ({"labels": [LABELS[0], {**LABELS[1], "verbalizer": " negative"}]}, "two have the verbalizer"),
    ({"splits": {"train": "all"}}, r"splits\.test: missing"),
    ({"splits": {"train": "al[:3]", "test": "all"}}, r"splits\.train: the data set has no 'al' \(did you mean 'all'\?"),
    ({"splits": {"train": "all[3]", "test": "all"}}, "is not a slice"),
    ({"splits": {"train": "all", "test": "all", "dev": "all"}}, "dev"),
    ({"validation_fraction": 1.0}, "less than 1"),
    ({"kind": "generation", "labels": []}, r"columns\.answers: missing"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_SPECS)
def test_a_bad_spec_is_refused_before_anything_is_read(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        spec(**changes)


def stage(spec: Mapping[str, Any], dataset: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "prepare_task.py"), "--spec", json.dumps(spec)]
    command += ["--inputs", json.dumps({"dataset": str(dataset)}), "--output", str(output)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_stage_writes_an_artefact_and_says_what_it_left_out(folder: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "asset"
    with artefacts.writing(dataset, spec={}) as target:
        (target / "a.csv").write_text(reviews() + "no label,\n")
    done = stage({**CLASSIFICATION, "files": {"all": ["."]}}, dataset, tmp_path / "examples" / "x")
    assert done.returncode == 0, done.stderr
    assert "all: left out 1 of 201 rows" in done.stderr
    assert "examples: train 90, transfer 50, validation 10, test 50" in done.stderr
    manifest = artefacts.verify(tmp_path / "examples" / "x")
    assert set(manifest["files"]) == {*(f"{split}.parquet" for split in SPLITS), "report.json"}


def test_the_stage_leaves_nothing_when_the_data_are_bad(tmp_path: Path) -> None:
    dataset = tmp_path / "asset"
    with artefacts.writing(dataset, spec={}) as target:
        (target / "a.csv").write_text(reviews().replace("film 7 is good,1", "film 7 is good,good"))
    done = stage(CLASSIFICATION, dataset, tmp_path / "examples" / "x")
    assert done.returncode == 2
    assert done.stderr.startswith("prepare task | error: ")
    assert "line 9: the label 'good'" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path / "examples") == []
    (dataset / "a.csv").write_text("changed")
    assert "were written. Rebuild it" in stage(CLASSIFICATION, dataset, tmp_path / "examples" / "x").stderr
