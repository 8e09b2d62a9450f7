"""What is said of failed jobs at the end of a call."""

import os

from potstill.plan.failures import describe, failures, log_times

TRACE = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: boom\n'


def write(folder, job, text, time=200.0):
    path = folder / f"{job}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time, time))


def test_messages_are_said_once_with_the_jobs_that_had_them(tmp_path):
    write(tmp_path, "train_student/earlier", "error: long ago\n", time=300.0)
    before = log_times(tmp_path)
    write(tmp_path, "train_student/a", "train a | step 1\ntrain a | error: out of memory\ntrain a | lower it\n")
    write(tmp_path, "train_student/b", "error: out of memory\nlower it\n")
    write(tmp_path, "prepare_task/c", "error: x.csv, line 3: no label\n")
    write(tmp_path, "train_student/good", "step 1\nthe error: 3 %\n")
    found = failures(tmp_path, before)
    assert found == {
        "error: x.csv, line 3: no label": ["prepare_task c"],
        "error: out of memory\nlower it": ["train_student a", "train_student b"],
    }
    assert describe(found).splitlines() == [
        "failed: prepare_task c",
        "    error: x.csv, line 3: no label",
        "failed: train_student a and 1 more with the same message",
        "    error: out of memory",
        "    lower it",
    ]


def test_of_a_traceback_its_end_and_where_the_rest_is(tmp_path):
    write(tmp_path, "compare/demo", "".join(f"compare demo | {line}\n" for line in ("before", *TRACE.splitlines())))
    (message,) = failures(tmp_path, {})
    assert message.splitlines()[0] == "ValueError: boom"
    assert str(tmp_path / "compare/demo.log") in message


def test_nothing_failed(tmp_path):
    assert describe(failures(tmp_path / "nowhere", {})) == ""
