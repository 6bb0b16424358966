"""Rows in which one resource has many names: F35."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from random import Random

from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT
from tests.support.clients import Heard
from tests.support.histories import History
from tests.support.line import Line
from tests.support.soak import mutant
from tests.support.writers import Writer

SPELLINGS = (
    *("/k/{}", "/K/{}", "/k//{}", "/k/{}/", "/%6b/{}", "/%6B/{}/", "/k/{}.json", "/k/{}.JSON", "/k/{};v=1", "/k;a/{}"),
    *("/k/{}?x=1", "/k/0{}", "/K//{}.json/?", "/k/{}%3Bv", "/%4b/%{}"),
)
"""How the same resource can be named; `%{}` stands for the number percent-encoded."""


class SpelledLine(Line):
    """A line on which every target is spelled in one's own way."""

    def __init__(self, url: str, spelling: str) -> None:
        super().__init__(url)
        self._spelling = spelling

    def ask(self, method: str, path: str, content: bytes | None, fields: Mapping[str, str]) -> Heard | None:
        """Return the answer, None where none came."""
        return super().ask(method, self._spelled(path), content, fields)

    def leave(self, method: str, path: str, content: bytes, fields: Mapping[str, str], *, short: int = 0) -> None:
        """Send a request and do not wait for the answer."""
        super().leave(method, self._spelled(path), content, fields, short=short)

    def _spelled(self, path: str) -> str:
        number = path.rpartition("/")[2]
        encoded = "".join(f"%{ord(digit):x}" for digit in number)
        return self._spelling.replace("%{}", encoded).replace("{}", number)


class Speller(Writer):
    """A client that writes down what it did under the one name of the resource."""

    def __init__(self, act: Act, number: int) -> None:
        self.history = History()
        spelling = SPELLINGS[number % len(SPELLINGS)]
        url = act.scene.members[number % len(act.scene.members)].url
        super().__init__(url, 100 + number, Random(number), act.keys, self.history)  # noqa: S311 - to be repeated, not to be secret
        self._line = SpelledLine(url, spelling)


def spelled(act: Act) -> None:
    """An origin server that takes every spelling for one resource has writers of each, through every proxy."""
    act.scene.origin.knobs(alike=True)
    spellers = [Speller(act, number) for number in range(len(SPELLINGS))]
    with ThreadPoolExecutor(len(spellers)) as pool:
        for done in [pool.submit(speller.run, lambda: not act.over.is_set()) for speller in spellers]:
            done.result()
    for history in (speller.history for speller in spellers):
        # Each spelling has a tag of its own, which is safe; the checker knows one for each state.
        act.history.operations += [replace(operation, tag=None) for operation in history.operations]
        act.history.readings += [replace(reading, tag=None) for reading in history.readings]
    told = Counter(operation.told for operation in chain(*(speller.history.operations for speller in spellers)))
    act.facts["spelled"] = {name.value: count for name, count in told.items()}


ROWS = [
    Row(
        "F35",
        "every spelling of one target at once",
        "no violation on the real resource",
        spelled,
        setting=PATIENT,
        count=3,
        clients=3,
    ),
    Row(
        "F35-pedantic",
        "the same, each spelling a resource of its own (negative control)",
        "updates are lost, and C1 says so",
        spelled,
        setting=replace(PATIENT, program=mutant("pedantic")),
        count=1,
        clients=3,
        writes=60,
        recovers=False,
        control=True,
    ),
]
