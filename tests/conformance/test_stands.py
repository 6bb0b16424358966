"""A stand says whose route is wrong, and answers as an origin server does that is reached over a socket."""

import pytest

from tests.conformance.case import Case
from tests.conformance.reading import BadFile
from tests.conformance.stands import settings


def case(name: str, **route: object) -> Case:
    """Return a case with that route."""
    plain = {"id": name, "rfc": "9110 §1", "rules": ("some",), "says": "It is.", "expect": {"status": 200}}
    return Case.model_validate({**plain, "given": {"route": route}})


def test_each_case_has_its_routes() -> None:
    """Every path begins with the name of its case, so that no two cases meet."""
    loaded = settings([case("one"), case("two", require="always", state="/all/{id}")])
    assert [route.template.text for route in loaded.routes.routes] == ["/one/doc/{id}", "/two/doc/{id}"]
    assert [route.state and route.state.text for route in loaded.routes.routes] == [None, "/two/all/{id}"]


def test_a_mistake_in_a_route_names_its_case() -> None:
    """The configuration knows routes by number; who reads the message knows cases."""
    with pytest.raises(BadFile, match=r'\Atwo\.require: found "sometimes"; expected'):
        settings([case("one"), case("two", require="sometimes")])
