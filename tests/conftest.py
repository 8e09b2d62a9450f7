"""Settings of the property tests: the same examples in every run, and a wide search on demand.

    make test                                                    # the same examples each time, no time limits
    python -m pytest --hypothesis-profile=search tests/losses    # thousands of new ones

A fault that the search finds becomes an `@example` of its test.
"""

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business, and it has other work.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("repeatable")
