"""Start a test's script in several processes that know each other (gloo), as torch's own launcher does."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
PATHS = (TESTS.parent / "workflow_scripts", TESTS, TESTS / "training", TESTS / "targets")


def run_together(script: Path, *arguments: object, processes: int = 2) -> None:
    """Run a script of the tests and wait for it; what it prints is in the failure's message."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, PATHS)),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0",
    }
    done = subprocess.run(
        [*launcher, str(script), *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
