"""What is said when a file system takes no more: which one, why, and what to do."""

import errno
import os

import pytest
from potstill.storage import storage_error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_the_file_system_its_room_and_the_way_out(tmp_path, number):
    said = str(storage_error(OSError(number, "x"), tmp_path / "not" / "yet"))
    assert f"{tmp_path}/not/yet" in said
    assert "mounted at /" in said
    assert "GB free" in said
    assert "make clean-unused" in said
    assert ("quota" in said) == (number == errno.EDQUOT)


def test_the_file_of_the_error_is_named_before_the_folder(tmp_path):
    assert str(storage_error(OSError(errno.EROFS, "x", "/proc/x"), tmp_path)).startswith(
        "/proc/x: its file system is read-only (mounted at /proc)"
    )


def test_permission_denied_says_whose_folder_it_is(tmp_path):
    said = str(storage_error(PermissionError(errno.EACCES, "x", str(tmp_path / "a")), tmp_path))
    assert f"{tmp_path} belongs to user {os.getuid()}, mode" in said


@pytest.mark.parametrize(
    "text",
    [
        "Error while serializing: I/O error: No space left on device (os error 28)",
        "Error writing bytes to file. Detail: [errno 28] No space left on device",
    ],
)
def test_libraries_with_exceptions_of_their_own_are_understood(tmp_path, text):
    assert "no space is left" in str(storage_error(RuntimeError(text), tmp_path))


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "x"), ValueError("step 28"), OSError("odd")])
def test_other_errors_are_not_explained_away(tmp_path, error):
    assert storage_error(error, tmp_path) is None
