"""The end of a call in a few lines, from the events that Snakemake logs."""

import logging
from types import SimpleNamespace

import pytest
from potstill import progress
from potstill.display.call import Call
from potstill.display.summary import summary
from potstill.jobs import progress_file


@pytest.fixture
def call(tmp_path, monkeypatch):
    """A call at time 0 whose clock and events are in the test's hands: `call.at(seconds, event, **facts)`."""
    monkeypatch.chdir(tmp_path)
    now = [0.0]
    call = Call(clock=lambda: now[0])

    def at(seconds, event, **facts):
        now[0] = seconds
        record = logging.makeLogRecord({"event": event, **facts})
        call.handle(record)

    return SimpleNamespace(call=call, at=at)


def begin(call, seconds, jobid, rule, output):
    call.at(seconds, "job_info", jobid=jobid, rule_name=rule, output=[output], log=[f"{rule}.log"])


def run(name):
    return f"results/runs/{name}-0123456789.abcdef/manifest.json"


def test_what_took_how_long_what_was_there_and_what_failed(call):
    call.at(5, "run_info", stats={"train_student": 3, "write_report": 1, "all": 1, "total": 5})
    begin(call, 5, 1, "train_student", run("a"))
    begin(call, 6, 2, "train_student", run("b"))
    call.at(70, "job_finished", job_id=1)
    call.at(80, "job_finished", job_id=2)
    begin(call, 80, 3, "train_student", run("c"))
    call.at(90, "job_error", jobid=3)
    begin(call, 90, 4, "write_report", "results/demo/report.html")
    call.at(95, "job_finished", job_id=4)
    call.at(96, "job_info", jobid=5, rule_name="all", output=[], log=[])
    text = summary(call.call, before=10, now=12, planned=13, report="results/demo/report.html")
    assert text.splitlines() == [
        "3 of 4 jobs done in 1 min 31 s, 1 failed",
        "                 jobs        time",
        "  train_student     3  2 min 29 s  longest 1 min 14 s: train b",
        "  write_report      1         5 s  write report",
        "artefacts: 10 of 13 were there already, 2 new, 1 still to be made",
        "report: results/demo/report.html",
    ]


def test_a_job_that_succeeds_at_its_second_attempt_has_not_failed(call):
    call.at(0, "run_info", stats={"train_student": 1, "total": 1})
    begin(call, 0, 1, "train_student", run("a"))
    call.at(10, "job_error", jobid=1)
    assert [job.name for job in call.call.failed()] == ["train a"]
    begin(call, 10, 1, "train_student", run("a"))
    assert (call.call.failed(), [job.name for job in call.call.running()]) == ([], ["train a"])
    call.at(20, "job_finished", job_id=1)
    assert summary(call.call, before=0, now=1, planned=1, report=None).startswith("1 of 1 jobs done in 20 s\n")


def test_a_call_without_jobs_has_no_summary(call):
    assert summary(call.call, before=3, now=3, planned=3, report="r") == ""


def test_what_a_killed_attempt_said_of_its_progress_is_forgotten(call):
    begin(call, 0, 1, "train_student", run("a"))
    (job,) = call.call.running()
    file = progress_file(job.output)
    file.parent.parent.mkdir()
    progress._write(file, progress.Numbers("step", 1, 2, None, 3.0, 4.0))
    assert job.numbers().done == 1
    call.at(1, "job_error", jobid=1)
    assert job.numbers() is None
    assert not file.parent.exists()


def test_an_event_of_another_form_stops_nothing(call):
    call.at(0, "run_info")
    call.at(0, "job_finished", job_id=99)
    call.at(0, "job_info", output=[None])
    assert not call.call.jobs
