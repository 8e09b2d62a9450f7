"""Named end products: replaced as a whole, and recorded only when all of it is there."""

import json
import os

import pytest
from potstill import products
from potstill.artefacts import sha256_file
from potstill.errors import ArtefactError


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
    assert (record["product"], record["id"]) == ("collected", "collected-1")
    assert record["files"] == {"collected/sub/new.txt": {"bytes": 3, "sha256": digest}}
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


def test_files_in_folders_replace_their_namesakes_there(tmp_path, inputs):
    (tmp_path / "latex").mkdir()
    (tmp_path / "latex" / "a.tex").write_text("old")
    (tmp_path / "latex" / "own.tex").write_text("the user's")
    with products.publish_files(tmp_path, inputs) as folder:
        (folder / "latex").mkdir()
        (folder / "latex" / "a.tex").write_text("new")
        (folder / "report.html").write_text("page")
    assert {p.name: p.read_text() for p in (tmp_path / "latex").iterdir()} == {"a.tex": "new", "own.tex": "the user's"}
    assert set(json.loads((tmp_path / ".made" / "collected.json").read_text())["files"]) == {
        "latex/a.tex",
        "report.html",
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


def test_a_reader_is_stopped_by_a_changed_byte_with_the_way_to_mend_it(tmp_path, inputs):
    with products.publish_directory(tmp_path / "collected", inputs) as folder:
        (folder / "a.parquet").write_bytes(b"first")
        (folder / "b.parquet").write_bytes(b"other")
    reads = {"reads": [inputs["record"]]}
    products.verify_products(reads)
    (tmp_path / "collected" / "b.parquet").write_bytes(b"othes")
    with pytest.raises(ArtefactError) as caught:
        products.verify_products(reads)
    record = tmp_path / ".made" / "collected.json"
    assert str(caught.value) == (
        f"{tmp_path}/collected/b.parquet: its bytes changed since it was written (SHA-256). Rebuild it: rm {record} && "
        f"snakemake --cores all {tmp_path}/collected/a.parquet"
    )


def test_a_product_without_record_and_one_with_anothers_are_refused(tmp_path, inputs):
    for name in ("collected", "comparison"):
        made = {"record": str(tmp_path / ".made" / f"{name}.json"), "product_id": name}
        with products.publish_directory(tmp_path / name, made) as folder:
            (folder / "x").write_text("x")
    record = tmp_path / ".made" / "collected.json"
    os.replace(tmp_path / ".made" / "comparison.json", record)
    with pytest.raises(ArtefactError, match=r"collected\.json: damaged \(the record of comparison\)\. Rebuild it: rm "):
        products.verify_products({"reads": [str(record)]})
    record.unlink()
    with pytest.raises(ArtefactError, match=r"collected\.json: missing, so .* Make it: snakemake --cores all all"):
        products.verify_products({"reads": [str(record)]})


def test_every_flipped_bit_of_a_record_is_found(tmp_path, inputs):
    with products.publish_directory(tmp_path / "collected", inputs) as folder:
        (folder / "x").write_text("x")
    record = tmp_path / ".made" / "collected.json"
    written = record.read_bytes()
    for position in range(len(written)):
        changed = bytearray(written)
        changed[position] ^= 1 << position % 8
        record.write_bytes(changed)
        assert len(list(products.product_damages(record))) == 1, position
    record.write_bytes(written)
    assert not list(products.product_damages(record))


def test_a_record_of_the_time_before_seals_is_still_checked(tmp_path, inputs):
    with products.publish_directory(tmp_path / "collected", inputs) as folder:
        (folder / "x").write_text("x")
    record = tmp_path / ".made" / "collected.json"
    record.write_text(
        json.dumps({"id": "collected-1", "files": {"collected/x": sha256_file(tmp_path / "collected/x")}})
    )
    assert not list(products.product_damages(record))
    (tmp_path / "collected" / "x").write_text("y")
    assert "collected/x: its bytes changed" in next(products.product_damages(record))
