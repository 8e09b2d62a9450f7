"""How tests are dealt to parallel workers, and settings of the property tests.

`make test` runs as many workers as there are cores, each with whole files, so that what a file's tests share is made once.

Property tests have the same examples in every run, and a wide search on demand:

    make test                                                    # the same examples each time, no time limits
    python -m pytest --hypothesis-profile=search tests/losses    # thousands of new ones

A fault that the search finds becomes an `@example` of its test.
"""

import signal

import pytest
from hypothesis import HealthCheck, settings

LONG = ("slurm", "reliability", "workflow")  # folders below tests/


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # of several workers; the long ones first, so that none is left alone with them
        items.sort(key=lambda item: item.path.parent.name not in LONG)


# A shell ignores Ctrl-C in what it runs in the background, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is the machine's business, and it has other work.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("repeatable")
