"""What the wiki says to each request."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from proxy.demo.wiki import Answer, Wiki

PAGE = {"title": "Home", "text": "Gr\u00fc\u00dfe"}
HOME = json.dumps(PAGE).encode()


@pytest.fixture
def wiki() -> Iterator[Wiki]:
    """Keep a wiki in memory for one test."""
    with closing(Wiki(latency=0)) as wiki:
        yield wiki


def test_a_page_lives_from_put_to_delete(wiki: Wiki) -> None:
    """PUT creates with 201 and Location, then replaces with 204; GET reads; DELETE ends with 204, then 404."""
    assert wiki.answer("PUT", "/wiki/home", HOME) == Answer(201, PAGE, (("Location", "/wiki/home"),))
    assert wiki.answer("PUT", "/wiki/home", b'{"title": "Home", "text": "new"}') == Answer(204)
    assert wiki.answer("GET", "/wiki/home", b"") == Answer(200, {"title": "Home", "text": "new"})
    assert wiki.answer("DELETE", "/wiki/home", b"") == Answer(204)
    assert wiki.answer("GET", "/wiki/home", b"").status == 404
    assert wiki.answer("DELETE", "/wiki/home", b"").status == 404


def test_post_creates_a_page_that_its_location_names(wiki: Wiki) -> None:
    """POST to the list answers 201 with the Location of a page that can be read and is listed."""
    answer = wiki.answer("POST", "/wiki", HOME)
    location = dict(answer.fields)["Location"]
    assert (answer.status, wiki.answer("GET", location, b"")) == (201, Answer(200, PAGE))
    pages = [{"id": location.removeprefix("/wiki/"), "title": "Home"}]
    assert wiki.answer("GET", "/wiki", b"") == Answer(200, {"pages": pages})


def test_a_counter_is_not_a_page(wiki: Wiki) -> None:
    """Counters and pages of one name are two documents, and only pages are listed."""
    assert wiki.answer("PUT", "/counter/home", b'{"value": 3}').status == 201
    assert wiki.answer("GET", "/counter/home?fresh=1", b"") == Answer(200, {"value": 3})
    assert wiki.answer("GET", "/wiki/home", b"").status == 404
    assert wiki.answer("GET", "/wiki", b"") == Answer(200, {"pages": []})


def test_two_spellings_of_a_name_are_one_page(wiki: Wiki) -> None:
    """A percent-encoded target names the same page, and Location is the canonical spelling."""
    answer = wiki.answer("PUT", "/wiki/h%6fme%20page", HOME)
    assert dict(answer.fields)["Location"] == "/wiki/home%20page"
    assert wiki.answer("GET", "/wiki/home%20page", b"").status == 200


@pytest.mark.parametrize(
    ("method", "target", "content", "status"),
    [
        ("PUT", "/wiki/home", b"not json", 400),
        ("PUT", "/wiki/home", b"", 400),
        ("PUT", "/wiki/home", b"\xff", 400),
        ("PUT", "/wiki/home", b"[]", 400),
        ("PUT", "/wiki/home", b'{"title": "Home"}', 400),
        ("PUT", "/wiki/home", b'{"title": "Home", "text": 1}', 400),
        ("PUT", "/wiki/home", b'{"title": "Home", "text": "", "more": ""}', 400),
        ("PUT", "/wiki/home", b'{"title": "Home", "text": "\\ud800"}', 400),
        ("PUT", "/counter/visits", b'{"value": true}', 400),
        ("PUT", "/counter/visits", b'{"value": 1.0}', 400),
        ("PUT", "/counter/visits", b"[" * 100_000, 400),
        ("POST", "/wiki", b"{}", 400),
        ("GET", "/wiki/%ff", b"", 400),
        ("GET", "/", b"", 404),
        ("GET", "/wiki/", b"", 404),
        ("GET", "/wiki/a/b", b"", 404),
        ("PUT", "/wiki/", HOME, 404),
        ("POST", "/wiki/home", HOME, 405),
        ("DELETE", "/wiki", b"", 405),
    ],
)
def test_what_it_does_not_understand_it_refuses(
    wiki: Wiki, method: str, target: str, content: bytes, status: int
) -> None:
    """A malformed document, an unknown target or method is refused with a sentence, and nothing is kept."""
    answer = wiki.answer(method, target, content)
    assert answer.status == status
    assert isinstance(answer.document, dict)
    assert answer.document["error"]
    assert wiki.answer("GET", "/wiki", b"") == Answer(200, {"pages": []})
    assert wiki.answer("GET", "/counter/visits", b"").status == 404


def test_of_many_who_put_a_new_page_at_once_one_created_it(wiki: Wiki) -> None:
    """Each write is atomic under threads: exactly one PUT of many answers 201."""
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: wiki.answer("PUT", "/wiki/home", HOME).status, range(200)))
    assert sorted(statuses) == [201] + [204] * 199


def test_a_database_file_outlives_the_wiki(tmp_path: Path) -> None:
    """With a path for a database, the pages are there again."""
    database = str(tmp_path / "wiki.db")
    with closing(Wiki(database, latency=0)) as wiki:
        wiki.answer("PUT", "/wiki/home", HOME)
    with closing(Wiki(database, latency=0)) as wiki:
        assert wiki.answer("GET", "/wiki/home", b"") == Answer(200, PAGE)
