"""What the whole suite needs: how hypothesis searches. Fixtures live beside the tests that use them."""

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
