"""Field lines as they stood in the message: order, case and repeated lines are kept (RFC 9110 §5).

A name or value is `str` with one character a byte (latin-1), so that what is written out equals what was read.
Nothing here interprets a field; that is for the room that knows its grammar.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

HOP_BY_HOP = frozenset(
    {
        "connection",  # RFC 9110 §7.6.1: names the others
        "keep-alive",  # RFC 2068 §19.7.1
        "proxy-connection",  # never standard, still sent
        "te",  # RFC 9110 §10.1.4
        "trailer",  # RFC 9110 §6.6.2: trailers are dropped, so is their announcement
        "transfer-encoding",  # RFC 9112 §6.1: framing is made anew for each connection
        "upgrade",  # RFC 9110 §7.8
        "http2-settings",  # RFC 7540 §3.2.1
    }
)
"""Fields for one connection only, in lower case."""


class Fields:
    """Immutable, ordered field lines; look-ups ignore case.

    `by_name` holds the values of each name in lower case, for the look-ups that every request needs; nobody changes it.
    An object keeps the text of its lines and its latest editions, since clients repeat their heads.

    >>> Fields([("Accept", "a"), ("accept", "b")]).get("ACCEPT")
    'a, b'
    """

    __slots__ = ("_editions", "_inserted", "_text", "by_name", "lines")

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self.lines: tuple[tuple[str, str], ...] = tuple(lines)
        index: dict[str, tuple[str, ...]] = {}
        for name, value in self.lines:
            lower = name.lower()
            index[lower] = (*index[lower], value) if lower in index else (value,)
        self.by_name = index
        self._editions: tuple[_Edition, ...] = ()
        self._inserted: tuple[str, Fields] | None = None
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The lines as they stand in a message, each with its end. Whether each is one line is not checked here."""
        if self._text is None:
            self._text = "".join([f"{name}: {value}\r\n" for name, value in self.lines])
        return self._text

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.by_name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self.lines == other.lines

    def __hash__(self) -> int:
        return hash(self.lines)

    def __repr__(self) -> str:
        return f"Fields({list(self.lines)!r})"

    def names(self) -> AbstractSet[str]:
        """Return the names present, in lower case."""
        return self.by_name.keys()

    def get(self, name: str) -> str | None:
        """Return the combined field value: the lines joined with a comma (RFC 9110 §5.3); None when absent."""
        values = self.by_name.get(name.lower())
        if values is None:
            return None
        return values[0] if len(values) == 1 else ", ".join(values)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return the value of each line of that name, in order."""
        return self.by_name.get(name.lower(), ())

    def elements(self, name: str) -> tuple[str, ...]:
        """Return the elements of a list in lower case, for a field whose elements ignore case (RFC 9110 §5.6.1).

        White space around them and empty ones do not count; quoted strings are not looked into.
        """
        values = self.by_name.get(name.lower())
        if values is None:
            return ()
        combined = ",".join(values).lower()
        return tuple([element for each in combined.split(",") if (element := each.strip(" \t"))])

    def without(self, names: Iterable[str]) -> "Fields":
        """Return the lines whose name, in any case, is not among `names`."""
        return self.edited({name.lower() for name in names})

    def adding(self, name: str, value: str) -> "Fields":
        """Return these lines and one more at the end."""
        return self.edited(NO_NAMES, ((name, value),))

    def replacing(self, name: str, value: str) -> "Fields":
        """Return these lines with the one line `name: value` in place of all of that name."""
        return self.edited({name.lower()}, ((name, value),))

    def edited(self, dropped: AbstractSet[str], added: Sequence[tuple[str, str]] = ()) -> "Fields":
        """Return the lines whose lower-case name is not among `dropped`, and behind them those that are `added`."""
        for edition in self._editions:
            # To find two sets equal that are one takes as long as to find it of any other two.
            if (edition[0] is dropped or edition[0] == dropped) and edition[1] == added:
                return edition[2]
        inserted = self._inserted
        if inserted is not None and inserted[0] in dropped:  # they were made of the others before, mostly
            return inserted[1].edited(dropped, added)
        index = self.by_name
        unchanged = dropped.isdisjoint(index)
        if unchanged and not added:
            return self
        kept = self.lines if unchanged else [line for line in self.lines if line[0].lower() not in dropped]
        names = index.copy() if unchanged else {name: index[name] for name in index if name not in dropped}
        for name, value in added:
            lower = name.lower()
            names[lower] = (*names[lower], value) if lower in names else (value,)
        made = _made((*kept, *added), names)
        self._editions = ((dropped, added, made), *self._editions[: EDITIONS - 1])
        return made

    def inserting(self, at: int, name: str, value: str) -> "Fields":
        """Return these lines with one more in front of the one at index `at`, of a name that none of them has.

        What is made of either without that line is made once for both.
        """
        lower = name.lower()
        made = _made((*self.lines[:at], (name, value), *self.lines[at:]), {**self.by_name, lower: (value,)})
        made._inserted = lower, self  # noqa: SLF001 - another one of this class
        return made

    def end_to_end(self) -> "Fields":
        """Return the lines meant for the far end: no hop-by-hop field, none that `Connection` names (§7.6.1)."""
        return self.edited(self.for_one_connection())

    def for_one_connection(self) -> AbstractSet[str]:
        """Return the names, in lower case, of fields that are not for the far end, be they present or not (§7.6.1)."""
        return HOP_BY_HOP.union(self.connection_options()) if "connection" in self.by_name else HOP_BY_HOP

    def connection_options(self) -> tuple[str, ...]:
        """Return what `Connection` names, in lower case."""
        return self.elements("connection")


_Edition = tuple[AbstractSet[str], Sequence[tuple[str, str]], Fields]
"""What was dropped, what was added, and what came of it."""

NO_NAMES: Final[AbstractSet[str]] = frozenset()

EDITIONS: Final = 2
"""How many editions are kept: a client's fields are both selected with and written with."""

_blank = Fields.__new__


def _made(lines: tuple[tuple[str, str], ...], by_name: dict[str, tuple[str, ...]]) -> Fields:
    """Return fields of which the index was made before."""
    made = _blank(Fields)
    made._editions, made._inserted, made._text = (), None, None  # noqa: SLF001 - the other half of the constructor
    made.lines, made.by_name = lines, by_name
    return made
