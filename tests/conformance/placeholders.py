"""What stands in braces in a case: tags, dates, names that an earlier step gave, each known only while it is played.

    {tag}               the tag that GET shows of the request's target, before the request
    {new tag}           the same, after it
    {weak tag}          W/ and that tag              {unquoted tag}      what is between its quotes
    {other tag}         another resource's           {stale tag}         of earlier content
    {tag of /doc/2}     another target's             {tag as text/html}  what GET shows with that Accept
    {last-modified}     the date that GET shows      {last-modified-1}   a second earlier; +1, later
    {kept first}        what a step kept as `first`  {here}              the path of the case at the proxy

What lives here: what each comes to. Adjectives go together: `{weak stale tag}`. What must not: when to ask.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proxy.core import http_date
from tests.conformance.origin import OTHER, Origin
from tests.conformance.speaking import Heard, ask

_BRACES = re.compile(r'\{([a-z][^{}"]*)\}')
_TAG = re.compile(r"((?:new |weak |unquoted |other |stale )*)tag(?: of (/\S+))?(?: as (\S+))?")
_DATE = re.compile(r"last-modified([+-]\d+)?")
_KEPT = re.compile(r"kept ([a-z][a-z0-9-]*)")


@dataclass
class Placeholders:
    """The placeholders of one case at one stand. `target` is that of the request under way."""

    authority: str
    origin: Origin
    target: str = ""
    kept: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str, *, later: bool = False) -> str:
        """Return the text with its placeholders filled in; those of `{new ...}` stay unless it is `later`.

        Raised when there is none of that name: `ValueError`.
        """
        return _BRACES.sub(lambda found: self._filled(found, later=later), text)

    def filled(self, texts: Mapping[str, str], *, later: bool = False) -> dict[str, str]:
        """Return values filled in."""
        return {name: self.fill(text, later=later) for name, text in texts.items()}

    def _filled(self, found: re.Match[str], *, later: bool) -> str:
        meanings: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
            (_TAG, self._tag),
            (_DATE, self._date),
            (_KEPT, lambda named: self.kept[named[1]]),
            (re.compile("here"), lambda _: self.origin.here),
        )
        if found[1].startswith("new ") and not later:
            return found[0]
        for pattern, meaning in meanings:
            if named := pattern.fullmatch(found[1]):
                return meaning(named)
        raise ValueError(f"{found[0]} is no placeholder")

    def _tag(self, named: re.Match[str]) -> str:
        adjectives = named[1].split()
        target = named[2] or (OTHER if "other" in adjectives else self.target)
        shown = self._shown(target, named[3], earlier="stale" in adjectives).get("etag")
        if shown is None:
            raise ValueError(f"GET {target} shows no tag")
        if "unquoted" in adjectives:
            return shown.strip('"')
        return f"W/{shown}" if "weak" in adjectives else shown

    def _date(self, named: re.Match[str]) -> str:
        shown = self._shown(self.target, None).get("last-modified")
        seconds = http_date.parse(shown or "")
        if seconds is None:
            raise ValueError(f"GET {self.target} shows no date")
        return http_date.format(seconds + int(named[1] or 0))

    def _shown(self, target: str, accept: str | None, *, earlier: bool = False) -> Heard:
        """Ask as anybody would, unseen; the origin server's scripted answers stand back."""
        lines = [] if accept is None else [("Accept", accept)]
        with self.origin.aside(target if earlier else None):
            return ask(self.authority, "GET", self.origin.here + target, lines, None)
