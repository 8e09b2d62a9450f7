"""The made-up experiment that the tables are tested on."""

import pytest
import synthetic_experiment
from potstill.statistics.cells import matrices


@pytest.fixture(scope="session")
def runs():
    return synthetic_experiment.collected_runs()


@pytest.fixture(scope="session")
def scores(runs):
    return synthetic_experiment.collected_scores(runs)


@pytest.fixture(scope="session")
def cells(scores):
    return matrices(scores)
