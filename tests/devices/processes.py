"""Start a test's script in several processes that know each other (gloo), as torch's own launcher does."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

TESTS = Path(__file__).parents[1]
PATIENCE = 400  # seconds, many times what any of the scripts takes: processes that wait for each other do so for hours
PATHS = (TESTS.parent / "workflow_scripts", TESTS, TESTS / "training", TESTS / "targets")


def run_together(script: Path, *arguments: object, processes: int = 2) -> None:
    """Run a script of the tests and wait for it; what it prints is in the failure's message."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, PATHS)),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0",
    }
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [*launcher, str(script), *map(str, arguments)], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            # Each waits for what another one does not do; killing the launcher alone would leave them.
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                one.kill()
            process.wait()
        output.seek(0)
        assert process.returncode == 0, output.read()
