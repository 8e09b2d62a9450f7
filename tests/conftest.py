"""How tests are dealt to parallel workers, and settings of the property tests.

`make test` runs as many workers as there are cores. A file's tests stay together, so that what they share is made once; so
do those of a folder whose tests share a finished experiment.

Property tests have the same examples in every run, and a wide search on demand:

    make test                                                    # the same examples each time, no time limits
    python -m pytest --hypothesis-profile=search tests/losses    # thousands of new ones

A fault that the search finds becomes an `@example` of its test.
"""

import pytest
from hypothesis import HealthCheck, settings

TOGETHER = ("workflow", "slurm", "reliability")  # folders below tests/


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # of several workers; the long ones first, so that none is left alone with them
        items.sort(key=lambda item: item.path.parent.name not in TOGETHER)
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else item.path.stem))


# How long an example takes is the machine's business, and it has other work.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("repeatable")
