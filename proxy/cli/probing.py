"""`ifmatch probe`: read a resource several times, and say what in it changes by itself and what to configure.

What lives here: the order of what is done and said, and the exit code: 0 when all answers have one tag, 1 when they do
not or there are none, 2 when the command or the configuration is wrong. Nothing but GET is sent, unless `--write` asks
for one PUT.
"""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Final, TextIO
from urllib.parse import urlsplit

from proxy.adapters.upstream import HttpUpstream
from proxy.cli import FAILURE, GOOD, USAGE, proposing, reporting
from proxy.cli.comparing import Bursts, Comparison, compare, idle
from proxy.cli.sampling import Question, UnreadableError, answers, fields_of, question, write_back
from proxy.cli.telling import settings_or_mistakes, target_of
from proxy.config import Settings
from proxy.core.entity_tag import EntityTag
from proxy.core.injecting import injected
from proxy.core.minting import Minter
from proxy.errors import Failure
from proxy.ports import Upstream

MOST: Final = 20
"""The most GETs in a burst: all of their contents are held at once."""
LONGEST: Final = 3600.0
"""The longest pause, in seconds."""

Say = Callable[[str, str], None]


def probe(options: argparse.Namespace, out: TextIO) -> int:
    """Probe one resource of a configuration's origin server."""
    say = partial(_say, out)
    if not (1 <= options.times <= MOST and 0 <= options.pause <= LONGEST):
        print(f"ifmatch probe: --times is 1 to {MOST}, --pause 0 to {LONGEST:g}", file=sys.stderr)
        return USAGE
    settings = settings_or_mistakes(options.config, {} if options.upstream is None else {"upstream": options.upstream})
    if settings is None:
        return USAGE
    try:
        given = fields_of(options.header)
        asked = question(settings, target_of(options.url), given)
    except ValueError as fault:
        print(f"ifmatch probe: --header: {fault}", file=sys.stderr)
        return USAGE
    except Failure as failure:
        say("refused", failure.detail)
        return FAILURE
    other = urlsplit(options.url).netloc
    if other not in {"", settings.upstream.authority}:
        say("note", f"only path and query of the URL count: {settings.upstream.authority} is asked, not {other}")
    for name in reporting.unsent(given, asked.selection.fields):
        say("note", f"{name} is not sent as given: a selection has its own, or none")
    try:
        return asyncio.run(_Probe(settings, asked, options, out).run())
    except KeyboardInterrupt:
        say("ended", "interrupted")
        return FAILURE


class _Probe:
    """One resource, asked about and answered for."""

    def __init__(self, settings: Settings, asked: Question, options: argparse.Namespace, out: TextIO) -> None:
        self._settings = settings
        self._asked = asked
        self._times: int = options.times
        self._pause: float = options.pause
        self._writes: bool = options.write
        self._out = out
        self._say: Say = partial(_say, out)

    async def run(self) -> int:
        """Ask, say what came of it, and write back where that was asked for."""
        upstream = HttpUpstream(self._settings.upstream)
        try:
            return await self._run(upstream)
        except UnreadableError as unreadable:
            self._say("answered", reporting.unreadable(unreadable, self._asked))
        except Failure as failure:
            self._say("unanswered", f"{self._settings.upstream.authority}: {failure.detail}")
        finally:
            await upstream.aclose()
        return FAILURE

    async def _run(self, upstream: Upstream) -> int:
        self._say("route", reporting.route(self._asked.match, self._settings.routes.unmatched))
        where = self._settings.upstream.authority
        self._say("asks", reporting.asks(self._asked.selection, where, self._times, self._pause))
        bursts = await answers(upstream, self._asked, self._times, self._pause)
        code = self._conclude(bursts)
        return code if await self._write_back(upstream, bursts) else FAILURE

    def _conclude(self, bursts: Bursts) -> int:
        match, sent = self._asked.match, tuple(chain.from_iterable(bursts))
        minter = Minter(self._settings.tag_key)
        comparison = compare(self._minted_from(bursts, minter), match.tag_key, match.reading.rules, minter)
        self._say("answered", reporting.answered(sent))
        self._say("origin tag", reporting.origin_tag(comparison, sent))
        for line in reporting.differences(comparison):
            self._say(*line)
        for pointer in idle(bursts, match.reading.rules):
            self._say("unused", reporting.unused(pointer))
        self._say("stable" if comparison.stable else "unstable", reporting.verdict(comparison, len(sent)))
        if comparison.stable:
            return GOOD
        self._advise(comparison, bursts)
        return FAILURE

    def _minted_from(self, bursts: Bursts, minter: Minter) -> Bursts:
        """Return the answers as the proxy mints from them: with the tags that it puts into them (`inject`)."""
        request, match, routes = self._asked.request, self._asked.match, self._settings.routes
        return [[injected(request, match, answer, routes, minter).basis for answer in burst] for burst in bursts]

    def _advise(self, comparison: Comparison, bursts: Bursts) -> None:
        yaml = None
        if comparison.cure is not None:
            yaml = proposing.proposal(self._settings.routes, self._asked.match, comparison.cure)
        if yaml is None:
            for line in reporting.no_cure(comparison, bursts[-1][-1]):
                self._say(*line)
            return
        for line in reporting.cautions(comparison, self._asked.match):
            self._say(*line)
        self._say("propose", reporting.PROPOSED)
        print(f"\n{yaml}", file=self._out, flush=True)

    async def _write_back(self, upstream: Upstream, bursts: Bursts) -> bool:
        """Send what was read, once and where that was asked for. False: it got no answer."""
        if not self._writes:
            return True
        tag, read = EntityTag(f"ifmatch-probe-{secrets.token_hex(8)}"), bursts[-1][-1]
        print(file=self._out)
        self._say("sends", reporting.sends(self._asked, read, tag))
        try:
            answer = await write_back(upstream, self._asked, read, tag)
        except Failure as failure:
            self._say("If-Match", f"unknown: {failure.detail} The PUT is not sent again")
            return False
        self._say("If-Match", reporting.enforced(answer.status))
        return True


def _say(out: TextIO, word: str, text: str) -> None:
    """Print a word and what is said of it, at once: a probe takes its time."""
    print(f"{word:<11} {text}", file=out, flush=True)
