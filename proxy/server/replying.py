"""The gateway's answer as a response to one client: translate out.

What lives here: what an answer says to the one who asked, by the route that spoke, and what is noted of it. What must
not: how it is written, and when.
"""

from proxy import problems, reporting
from proxy.core import cors, forwarding, proxy_status
from proxy.core.cors import Cors, Sharing
from proxy.core.fields import Fields
from proxy.core.matching import UNMATCHED
from proxy.core.message import SAFE_METHODS, Response
from proxy.core.route import Guard, Route
from proxy.core.verdict import PreconditionFailed, PreconditionRequired
from proxy.errors import BadFraming, ClientGone, Failure, Outcome
from proxy.gateway import Answer
from proxy.problems import OURS, Situation, Wording
from proxy.telemetry import RequestJournal


class Asker:
    """Who asked. `route` is the one that speaks, None until it is known and where none does.

    `id` names the request in the log; `fields` are those received.
    """

    __slots__ = ()

    id: str
    method: str
    fields: Fields
    route: Route | None
    journal: RequestJournal

    @property
    def cors(self) -> Cors:
        """Which pages may read the answer; where nothing is guarded that is none of our business."""
        return Sharing.OFF if self.route is None or self.route.guard is Guard.OFF else self.route.cors

    @property
    def wording(self) -> Wording:
        """How a refusal is put."""
        return OURS if self.route is None else Wording(self.route.problem, self.id)

    @property
    def missing_status(self) -> int:
        """The status of a refusal for want of a precondition."""
        return (self.route or UNMATCHED).missing_status

    @property
    def may_have_left(self) -> bool:
        """Tell whether something that may change state may have been forwarded."""
        return self.method not in SAFE_METHODS and self.journal.forwarded

    def outcome(self, failure: Failure) -> Outcome:
        """Return what became of a request that failed; one that broke off may have been forwarded before."""
        broke_off = isinstance(failure, (BadFraming, ClientGone)) and self.may_have_left
        return Outcome.UNKNOWN if broke_off else failure.outcome

    @property
    def fault(self) -> Situation:
        """What an exception is that nobody foresaw, honestly about the outcome."""
        return Situation.FAULT_AFTER_SENDING if self.may_have_left else Situation.FAULT


def note(asker: Asker, answer: Answer) -> None:
    """Note what an answer came of."""
    if answer.verdict is not None:
        asker.journal.judged(answer.verdict)
    if answer.would is not None:
        asker.journal.note(**reporting.facts(answer.would))
    if answer.response is None or answer.note is not None:
        asker.journal.note(outcome=Outcome.NOT_APPLIED.value)


def response(asker: Asker, answer: Answer, pseudonym: str) -> Response:
    """Return the response of an answer: the origin server's on its way back, or a refusal's problem document."""
    if answer.response is not None:
        marked = proxy_status.of_theirs(answer.response, answer.note)
        fields = forwarding.returning(marked, pseudonym)
        if answer.would is not None:
            fields = fields.replacing(reporting.FIELD, reporting.value(answer.would, asker.missing_status))
        return Response(answer.response.status, fields, answer.response.content)
    if isinstance(answer.verdict, (PreconditionFailed, PreconditionRequired)):
        return problems.of_refusal(answer.verdict, asker.missing_status, asker.wording)
    raise TypeError(f"an answer without a response must be a refusal, not {answer.verdict!r}")


def shared(asker: Asker, response: Response, answer: Answer | None) -> Response:
    """Return a response, of that answer if it is of one, as the right pages can read it, and note what it is."""
    heard = asker.journal.sharing if answer is None or answer.response is None else cors.NOTHING
    fields = cors.shared(asker.cors, asker.method, asker.fields, response.fields, heard)
    asker.journal.note(status=response.status, etag=fields.get("etag"))
    return response if fields is response.fields else Response(response.status, fields, response.content)
