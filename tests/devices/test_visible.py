"""Which devices there are, told without torch: device files, nvidia-smi's listing, restrictions."""

import pytest
from potstill.devices import visible
from potstill.devices.visible import parsed, visible_devices

WHOLE = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-4c89852c-d268-c3f3-1b07-005d5ae1dc3f)
"""
SLICED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7384736-a75d-5afc-978f-d2f1294409fd)
  MIG 3g.20gb     Device  1: (UUID: MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-4c89852c-d268-c3f3-1b07-005d5ae1dc3f)
"""


@pytest.mark.parametrize(
    ("present", "restriction", "expected"),
    [
        ("", None, []),
        ("", "0,1", []),  # a variable makes no device
        ("0,1,2", None, ["0", "1", "2"]),
        ("0,1,2", "2,0", ["2", "0"]),
        ("0,1,2", "", []),
        ("0,1,2", "1,-1,2", ["1"]),  # as CUDA reads it: nothing behind what is no device
        ("0,1", "1,2", ["1"]),
        ("0,1", "1,1", ["1"]),
        ("0", "NoDevFiles", []),
        ("0,1", "GPU-5c89852c", ["GPU-5c89852c"]),
        ("0", "MIG-c7384736-a75d", ["MIG-c7384736-a75d"]),
    ],
)
def test_a_restriction_counts_as_cuda_reads_it(present, restriction, expected):
    environment = {"POTSTILL_DEVICES": present}
    if restriction is not None:
        environment["CUDA_VISIBLE_DEVICES"] = restriction
    assert visible_devices(environment) == expected


def test_device_files_are_counted_and_numbered_from_zero(tmp_path, monkeypatch):
    """A container may see the third GPU alone: for CUDA it is number 0. Control files are none."""
    monkeypatch.setattr(visible, "DEVICE_FILES", tmp_path)
    monkeypatch.setattr(visible, "MIG_SLICES", str(tmp_path / "mig/gi*"))
    monkeypatch.setattr(visible.shutil, "which", lambda name: None)
    assert visible_devices({}) == []
    for name in ("nvidia2", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert visible_devices({}) == ["0"]
    (tmp_path / "nvidia10").touch()
    assert visible_devices({}) == ["0", "1"]
    (tmp_path / "mig/gi1").mkdir(parents=True)
    monkeypatch.setattr(visible, "_listed", lambda: parsed(SLICED))
    assert visible_devices({})[0].startswith("MIG-")


def test_slices_count_instead_of_the_gpu_they_are_of():
    assert parsed(WHOLE) == ["0", "1"]
    assert [name[:7] for name in parsed(SLICED)] == ["MIG-c73", "MIG-a28", "GPU-4c8"]
    assert parsed("No devices found.\n") == []
