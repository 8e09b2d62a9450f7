"""A stage that does what its spec says, for tests of how stages are started on several devices."""

import atexit
import json
import os
import signal
import time

from potstill.errors import ConfigError
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Leave a file for each process, then end as told."""
    from potstill.devices import group

    facts = {"pid": os.getpid(), "threads": stage.threads, "omp": os.environ["OMP_NUM_THREADS"]}
    facts |= {"devices": os.environ.get("CUDA_VISIBLE_DEVICES"), "sum": group.total([group.rank() + 1])[0]}
    stage.output.mkdir(exist_ok=True)
    (stage.output / f"{group.rank()}.json").write_text(json.dumps(facts))
    print(f"process {group.rank()} speaks", flush=True)
    group.wait()
    second, end = group.rank() == 1, stage.spec["end"]
    if end == "refuse":
        raise ConfigError("what a user can mend")
    if end == "second refuses" and second:
        raise ConfigError("only the second process saw it")
    if end == "second crashes" and second:
        raise ZeroDivisionError("a bug of ours")
    if end == "second is killed" and second:
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "clean-up aborts":
        atexit.register(os.abort)
    elif end != "well":
        time.sleep(600)


if __name__ == "__main__":
    run(main, on_device=True)
