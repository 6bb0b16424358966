"""Keys of one route that do not fit together; more of them in test_combinations.py."""

import pytest

from proxy.config.model import RouteSection
from proxy.config.route_combinations import within


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("/_links/self/href", []),
        ("/things/{/id}", []),
        ("/{kind}/{/id}", []),
        ("/{id}/x", ["{id} is nothing that path captures; a member of the item is written {/id}"]),
    ],
)
def test_an_item_is_found_by_what_is_known(link: str, told: list[str]) -> None:
    """By what the list's path captures, or by members of the item."""
    section = RouteSection.model_validate({"path": "/{kind}", "inject": {"items": ("$[*]",), "self": link}})
    found = list(within(section, ("routes", 0)))
    assert [mistake.message for mistake in found] == told
    assert {mistake.path for mistake in found} <= {("routes", 0, "inject", "self")}


@pytest.mark.parametrize(
    ("ignored", "told"),
    [
        (("/a", "/b/c", "/b/d"), {}),
        (("/a/b", "/a"), {0: "/a"}),
        (("/a", "/a/b/c"), {1: "/a"}),
        (("/a", "/a"), {1: "/a"}),
        (("/items/*/x", "/items/0/x"), {1: "/items/*/x"}),
        (("/items/0", "/items/*/x"), {}),
        (("/ab", "/a"), {}),
    ],
)
def test_a_pointer_into_what_is_left_out_names_nothing(ignored: tuple[str, ...], told: dict[int, str]) -> None:
    """Who writes it expects something of it."""
    section = RouteSection.model_validate({"path": "/a", "etag": {"canonical": "json", "ignore": ignored}})
    found = {mistake.path[-1]: mistake.message for mistake in within(section, ("routes", 0))}
    assert found == {index: f'this names nothing that "{other}" leaves; leave it out' for index, other in told.items()}
