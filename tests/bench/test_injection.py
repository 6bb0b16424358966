"""That the bench of tags in content runs, and measures the right thing."""

import json
import re

import pytest

from bench.injection import document, main, tagged


def test_what_is_measured_is_a_list_with_tags() -> None:
    """Each item gets one of its own, and the list too."""
    shown = json.loads(tagged(document(3, 5)))
    assert len({shown["_etag"], *(item["_etag"] for item in shown["items"])}) == 4


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each number of items and each size."""
    assert main(["--items", "1", "2", "--text", "5", "50", "--rounds", "1"]) == 0
    head, rule, *lines = capsys.readouterr().out.splitlines()
    cells = [re.split(r" *\| *", line)[1:-1] for line in lines]
    assert rule.count("---") == head.count("|") - 1
    assert {len(each) for each in cells} == {head.count("|") - 1}
    assert [each[0] for each in cells] == ["1", "1", "2", "2"]
    assert all(float(figure) >= 0 for each in cells for figure in each[2:])
