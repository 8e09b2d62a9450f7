"""How far a job is: its lines, and its file for the live table."""

import json
from pathlib import Path

import pytest
from potstill import progress
from potstill.progress import Numbers, Progress, duration, shown_in


def test_lines_now_and_then_and_at_the_end(capsys):
    now = [0.0]
    counting = Progress("step", 40, every=10, clock=lambda: now[0])
    for _ in range(40):
        now[0] += 1
        counting.advance(1, 1000, loss=0.7, details="loss 0.7000 (ce 0.6000)")
    assert capsys.readouterr().err.splitlines() == [
        "step 10/40: loss 0.7000 (ce 0.6000), 1,000 tokens/s, 30 s left",
        "step 20/40: loss 0.7000 (ce 0.6000), 1,000 tokens/s, 20 s left",
        "step 30/40: loss 0.7000 (ce 0.6000), 1,000 tokens/s, 10 s left",
        "step 40/40: loss 0.7000 (ce 0.6000), 1,000 tokens/s, took 40 s",
    ]


def test_time_left_is_of_what_this_process_did(capsys):
    """A run that goes on after step 90 of 100 took 10 s for five steps: 10 s more for the other five."""
    now = [0.0]
    counting = Progress("step", 100, done=90, every=10, clock=lambda: now[0])
    for _ in range(5):
        now[0] += 2
        counting.advance(1, 1)
    assert capsys.readouterr().err == "step 95/100: 0 tokens/s, 10 s left\n"


def test_known_tokens_measure_the_work_that_is_left(capsys):
    """Half of the examples hold nine tenths of the tokens."""
    now = [0.0]
    counting = Progress("captured", 4, tokens=1000, every=0, clock=lambda: now[0])
    now[0] = 9.0
    counting.advance(2, 900)
    assert capsys.readouterr().err == "captured 2/4: 100 tokens/s, 1 s left\n"


def test_the_file_says_what_the_line_says_at_most_once_a_second_and_is_gone_at_the_end(tmp_path, monkeypatch):
    file = tmp_path / ".progress" / "runs.a.json"
    now, written = [0.0], []
    write = progress._write
    monkeypatch.setattr(progress, "_write", lambda path, numbers: (written.append(numbers.done), write(path, numbers)))
    with shown_in(file):
        counting = Progress("step", 100, clock=lambda: now[0])
        for _ in range(100):
            now[0] += 0.25
            counting.advance(1, 10, loss=0.5)
        assert progress.read(file) == Numbers("step", 100, 100, 0.5, 40.0, 0.0)
        assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert written == [1, *range(5, 98, 4), 100]
    assert not file.parent.exists()


def test_the_file_is_gone_after_a_failure_and_other_jobs_files_stay(tmp_path):
    file, other = (tmp_path / ".progress" / name for name in ("runs.a.json", "runs.b.json"))

    def work():
        with shown_in(file):
            Progress("step", 2).advance(1, 1)
            assert file.exists()
            other.write_text("{}")
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        work()
    assert not file.exists()
    assert other.exists()


def test_a_job_without_a_file_or_with_one_that_cannot_be_written_goes_on(tmp_path, capsys):
    Progress("step", 1).advance(1, 1)
    (tmp_path / "file").write_text("")
    with shown_in(tmp_path / "file" / "below.json"):
        Progress("step", 1).advance(1, 1)
    assert capsys.readouterr().err.count("step 1/1") == 2


def test_of_several_processes_of_a_job_the_first_one_writes(tmp_path, monkeypatch):
    for rank, writes in (("0", True), ("1", False)):
        monkeypatch.setenv("RANK", rank)
        with shown_in(tmp_path / f"{rank}.json"):
            Progress("step", 1).advance(1, 1)
            assert (tmp_path / f"{rank}.json").exists() == writes


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', json.dumps({"what": "step"})])
def test_a_file_that_is_no_progress_is_none(text, tmp_path: Path):
    file = tmp_path / "x.json"
    file.write_text(text)
    assert progress.read(file) is None
    assert progress.read(tmp_path / "none.json") is None


def test_durations():
    assert [duration(s) for s in (4.6, 65, 7620)] == ["5 s", "1 min 5 s", "2 h 7 min"]
