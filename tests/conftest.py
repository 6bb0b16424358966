"""What the whole suite needs: how hypothesis searches, how many tests run at once. Fixtures live beside their tests."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "house",
    deadline=None,  # no test depends on the speed of the machine
    suppress_health_check=[HealthCheck.too_slow],  # likewise
    derandomize=True,  # the same commit gives the same answer everywhere
    print_blob=True,
)
settings.register_profile("search", parent=settings.get_profile("house"), derandomize=False, max_examples=5000)
settings.load_profile("house")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many tests run at once: one more than there are processors, since those that cost most mostly wait."""
    return (os.cpu_count() or 1) + 1
