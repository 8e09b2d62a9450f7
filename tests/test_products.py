"""Named end products: replaced as a whole, and recorded only when all of it is there."""

import json
import os

import pytest
from potstill import products
from potstill.artefacts import sha256_file


@pytest.fixture
def inputs(tmp_path):
    return {"record": str(tmp_path / ".made" / "collected.json"), "product_id": "collected-1"}


def test_a_directory_is_replaced_as_a_whole(tmp_path, inputs):
    output = tmp_path / "collected"
    output.mkdir()
    (output / "old.txt").write_text("old")
    with products.publish_directory(output, inputs) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "new.txt").write_text("new")
        assert (output / "old.txt").exists()
    assert [p.name for p in output.rglob("*") if p.is_file()] == ["new.txt"]
    record = json.loads((tmp_path / ".made" / "collected.json").read_text())
    digest = sha256_file(output / "sub" / "new.txt")
    assert record == {"id": "collected-1", "files": {"collected/sub/new.txt": digest}}
    assert sorted(os.listdir(tmp_path)) == [".made", "collected"]


def test_files_replace_only_their_namesakes(tmp_path, inputs):
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "a.png").write_text("old")
    (figures / "b.png").write_text("other")
    with products.publish_files(figures, inputs) as folder:
        (folder / "a.png").write_text("new")
        (folder / "a.pdf").write_text("new too")
    assert {p.name: p.read_text() for p in figures.iterdir()} == {"a.png": "new", "a.pdf": "new too", "b.png": "other"}
    assert set(json.loads((tmp_path / ".made" / "collected.json").read_text())["files"]) == {
        "figures/a.pdf",
        "figures/a.png",
    }


@pytest.mark.parametrize("publish", [products.publish_directory, products.publish_files])
def test_a_failure_leaves_the_old_product_and_its_record(tmp_path, inputs, publish):
    output = tmp_path / "product"
    with publish(output, inputs) as folder:
        (folder / "x").write_text("first")
    record = (tmp_path / ".made" / "collected.json").read_bytes()

    def fail():
        with publish(output, inputs | {"product_id": "other"}) as folder:
            (folder / "x").write_text("second")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (output / "x").read_text() == "first"
    assert (tmp_path / ".made" / "collected.json").read_bytes() == record
    assert sorted(os.listdir(tmp_path)) == [".made", "product"]


@pytest.mark.parametrize("publish", [products.publish_directory, products.publish_files])
def test_a_kill_while_replacing_leaves_no_record(tmp_path, inputs, publish, monkeypatch):
    """Half a replacement must never look like the old product, nor like the new one."""
    output = tmp_path / "product"
    with publish(output, inputs) as folder:
        (folder / "x").write_text("first")

    def killed(*_):
        raise KeyboardInterrupt

    def publish_again():
        with publish(output, inputs) as folder:
            (folder / "x").write_text("second")

    monkeypatch.setattr(products.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        publish_again()
    assert not (tmp_path / ".made" / "collected.json").exists()
