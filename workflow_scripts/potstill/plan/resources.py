"""What a job asks of a cluster: memory, wall time, accelerators. Grows with the attempt."""

import math

from potstill.plan.rates import Rates
from potstill.plan.workload import Workload

MEMORY_SLACK = 1.25
TIME_SLACK = 2.0
LEAST_MINUTES = 15


def memory_mb(workload: Workload, attempt: int) -> int:
    """Megabytes of memory: the estimate and a quarter, once more for each further attempt."""
    return math.ceil(MEMORY_SLACK * workload.memory / 1e6) * attempt


def runtime_minutes(workload: Workload, kind: str, rates: Rates, attempt: int) -> int:
    """Minutes of wall time: twice the estimate and a quarter of an hour, once more for each further attempt.

    Of a job that can use an accelerator it is assumed that it gets one, unless measured times are those of CPUs alone.
    """
    device = "gpu" if workload.devices and (rates.knows(kind, "gpu") or not rates.knows(kind, "cpu")) else "cpu"
    return (LEAST_MINUTES + math.ceil(TIME_SLACK * rates.seconds(kind, device, workload) / 60)) * attempt
