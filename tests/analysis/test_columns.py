"""Further columns of the data: each example finds its own row again."""

import csv
import json

import pytest
from potstill.analysis.columns import columns_of_examples
from potstill.errors import DataError
from potstill.plan.specs.prepare import PrepareSpec
from potstill.tasks.prepare import prepare

SPEC = {
    "kind": "classification",
    "format": "csv",
    "files": {"train": ("train.csv",), "dev": ("one.csv", "two.csv")},
    "columns": {"text": "sentence", "label": "label"},
    "keep": {"language": "en"},
    "prompt": "Review: {text}\nSentiment:",
    "text": "{text}",
    "labels": [
        {"value": 0, "name": "negative", "verbalizer": " bad"},
        {"value": 1, "name": "positive", "verbalizer": " good"},
    ],
    "splits": {"train": "train", "test": "dev"},
    "shuffle_seed": 3,
}


def rows(name, n):
    return [
        {
            "sentence": f"{name} {i}",
            "label": i % 2,
            "language": "fr" if i % 5 == 0 else "en",
            "topic": f"topic of {name} {i}",
            "year": 1990 + i,
        }
        for i in range(n)
    ]


def write(path, table):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


@pytest.fixture
def dataset(tmp_path):
    write(tmp_path / "train.csv", rows("train", 30))
    # The same input in a row that is not kept is no example.
    foreign = {**rows("one", 20)[3], "language": "fr", "topic": "of another language"}
    write(tmp_path / "one.csv", [foreign, *rows("one", 20)])
    # The first of a repeated input is the one that counts, as in the examples; a file may lack the column.
    again = [{**row, "topic": "second"} for row in rows("one", 20)[1:3]]
    write(tmp_path / "two.csv", [{k: v for k, v in row.items() if k != "year"} for row in [*again, *rows("two", 10)]])
    return tmp_path


def test_every_test_example_has_the_values_of_its_row(dataset):
    spec = PrepareSpec.parse(SPEC)
    test = prepare(spec, dataset)[0]["test"]
    found = columns_of_examples({"t": spec}, {"t": dataset}, ["topic", "year"])["t"].set_index("example_id")
    assert found.index.is_unique
    topics = found.topic.loc[test.example_id]
    assert topics.tolist() == ["topic of " + text for text in test.text]
    years = dict(zip(test.text, found.year.loc[test.example_id], strict=True))
    assert years["one 3"] == "1993"
    assert years["two 3"] == ""
    assert len(test) == 16 + 8


def test_squads_articles(tmp_path):
    paragraphs = [
        {"context": f"Context {i}.", "qas": [{"id": str(i), "question": f"What {i}?", "answers": [{"text": "x"}]}]}
        for i in range(6)
    ]
    data = [{"title": "First", "paragraphs": paragraphs[:4]}, {"title": "Second", "paragraphs": paragraphs[4:]}]
    (tmp_path / "squad.json").write_text(json.dumps({"data": data}))
    spec = PrepareSpec.parse(
        {
            "kind": "extractive-qa",
            "format": "squad",
            "files": {"all": (".",)},
            "columns": {"question": "question", "context": "context", "answers": "answers"},
            "prompt": "{context} {question}",
            "text": "{question} {context}",
            "splits": {"train": "all[:2]", "test": "all[2:]"},
        }
    )
    test = prepare(spec, tmp_path)[0]["test"]
    found = columns_of_examples({"q": spec}, {"q": tmp_path}, ["title"])["q"].set_index("example_id")
    assert sorted(found.title.loc[test.example_id]) == ["First", "First", "Second", "Second"]


def test_a_column_of_one_task_alone_and_of_none(dataset):
    spec = PrepareSpec.parse(SPEC)
    other = PrepareSpec.parse({**SPEC, "files": {"train": ["train.csv"], "dev": ["two.csv"]}})
    found = columns_of_examples({"a": spec, "b": other}, {"a": dataset, "b": dataset}, ["year"])
    assert list(found["a"]) == ["example_id", "year"]
    assert list(found["b"]) == ["example_id"]
    with pytest.raises(
        DataError, match=r"error_analysis\.slices: .* a column 'topics' \(did you mean 'topic'\? known: "
    ):
        columns_of_examples({"t": spec}, {"t": dataset}, ["topics"])
