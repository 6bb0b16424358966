"""Reads whose whole head came in one piece: what is known about each before the origin server is asked.

What lives here: bytes of a head to a `Question`, and that it is worked out once for all requests with the same head.
What must not: any decision of its own; a head is read, checked and matched as that of every other request.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proxy.core import admission
from proxy.core.message import Request
from proxy.errors import Failure
from proxy.gateway import Gateway, Plan
from proxy.gateway.asking import spoken
from proxy.gateway.exchange import matched
from proxy.ports import Scouts
from proxy.server.blocks import Blocks
from proxy.server.exchange import AROUND_THE_PATH
from proxy.server.forms import Form, Forms
from proxy.server.incoming import Incoming
from proxy.server.masking import Values, masked
from proxy.server.parsing import PLAIN_TARGET

KEPT: Final = 1024
"""Heads that are remembered."""

LONGEST: Final = 2048
"""Bytes of a head that may be remembered; a longer one takes the long way."""

_BEGIN, _LINE_END, _END = b"GET ", b"\r\n", b"\r\n\r\n"
_LINE: Final = re.compile(rb"GET (%b) HTTP/1\.1" % PLAIN_TARGET)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A read that takes one request and its answer.

    `target` is what the origin server is asked for, `path` what is logged of the request's own. `selector` is that of
    what selects (`asking.spoken`), None where values of its head are among that.
    """

    form: Form
    plan: Plan
    target: bytes
    path: str
    selector: bytes | None

    @property
    def guarded(self) -> bool:
        """Tell whether it is answered from a selection, and not passed on."""
        return self.form.conditions is not None

    def ready(self, values: Values) -> bytes:
        """Return what is sent, with the values of its head."""
        return self.form.sent(self.target, values)

    def selected_by(self, values: Values) -> bytes:
        """Return the selector, with the values of its head."""
        return self.selector or spoken(matched(self.plan), self.form.selecting(self.target, values))


class Questions:
    """What is asked by heads."""

    def __init__(self, gateway: Gateway, scouts: Scouts, blocks: Blocks) -> None:
        self._gateway = gateway
        self._forms = Forms(gateway, scouts)
        self._blocks = blocks
        self._known = lru_cache(maxsize=KEPT)(self._made)

    def of(self, head: bytes, peer: str | None, scheme: str) -> tuple[Question, Values] | None:
        """Return what one read from a peer asks, and the values that are its own.

        None where what came in one piece is another request, or part of one, or two.
        """
        if not head.startswith(_BEGIN) or len(head) > 2 * LONGEST or head.find(_END) != len(head) - len(_END):
            return None
        shared, values = masked(head)
        if len(shared) > LONGEST:
            return None
        question = self._known(shared, len(values), peer, scheme, self._gateway.rules)
        return None if question is None else (question, values)

    def _made(self, head: bytes, values: int, peer: str | None, scheme: str, _rules: object) -> Question | None:
        line, _, block = head.partition(_LINE_END)
        asked = _LINE.fullmatch(line)
        incoming = None if asked is None else self._blocks.of(block, peer, scheme)
        if asked is None or incoming is None:
            return None
        try:
            return self._asked(asked[1].decode("ascii"), incoming, values)
        except Failure:
            return None  # the long way has an answer to that

    def _asked(self, raw_target: str, incoming: Incoming, values: int) -> Question | None:
        onward = incoming.onward()
        request = Request("GET", admission.admit_line("GET", raw_target, onward), onward)
        plan = self._gateway.identify(request)
        form = self._forms.of(request, plan, incoming, values)
        if form is None:
            return None
        guarded = form.conditions is not None
        target = (matched(plan).state_target if guarded else request.target).raw.encode("latin-1")
        fixed = guarded and not form.selects.places
        selector = spoken(matched(plan), form.selecting(target, [])) if fixed else None
        return Question(form, plan, target, AROUND_THE_PATH.sub("", raw_target), selector)
