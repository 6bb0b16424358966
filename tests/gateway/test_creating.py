"""What an answer to a write says of other resources: the tag of what was created, and what is to be forgotten."""

import asyncio
from dataclasses import replace

import pytest

from proxy.adapters.memory import MemoryState
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.route import Guard, Query, Route, TagOnWrite, UnconditionalPost
from proxy.core.template import Template
from proxy.errors import Failure, NotSent, Unanswered
from proxy.gateway import Gateway, Kind
from proxy.ports import LeaseTerms, Purpose
from tests.support.scripted import TEXT, Canned, Rig, request
from tests.support.world import SilentJournal, Text

LIST = Route("list", Template.parse("/things"), etag_on_write=TagOnWrite.ALWAYS)
ITEM = Route("item", Template.parse("/things/{id}"))
NEW = b"new"
HOST = ("Host", "h")


class Collection(Rig):
    """A gateway before an origin server where POST creates `/things/7`; `location` is what it says of it."""

    def __init__(self, *routes: Route, location: str = "/things/7", status: int = 201) -> None:
        self.location, self.status = location, status
        self.shown: Canned | Failure = Canned(200, NEW)
        super().__init__(self._answer, (routes or (LIST, ITEM))[0], state=MemoryState())
        self.gateway = Gateway(Routes(routes or (LIST, ITEM)), self.upstream, self.lock, self.state, self.minter)
        self.meanwhile = self.while_selected = self.nobody_writes

    def _answer(self, asked: Request, purpose: Purpose) -> Canned | Failure:
        if purpose is Purpose.SELECT:
            self.while_selected()
            return self.shown if asked.target.path.startswith("/things/7") else Canned(200, b"list")
        self.meanwhile()
        return Canned(self.status, b"", (*TEXT, ("Location", self.location)))

    def nobody_writes(self) -> None:
        """Let nothing happen."""

    def somebody_writes(self) -> None:
        """Let a write of what is created begin and end."""
        self.state.suspend("/things/7")
        self.state.resume("/things/7")

    async def create(self, *lines: tuple[str, str], method: str = "POST", path: str = "/things") -> str | None:
        """Create, as the server would; return the tag in the answer."""
        asked = request(method, path, HOST, *lines)
        planned = self.gateway.identify(asked)
        pass_on = self.gateway.guard if planned.kind is Kind.GUARD else self.gateway.relay
        answer = await pass_on(asked, Text(NEW), planned, SilentJournal())
        assert answer.response is not None
        assert answer.response.status == self.status
        return answer.response.fields.get("etag")

    @property
    def expected(self) -> str:
        """The tag that a GET of what was created would show."""
        return str(self.minter.mint("/things/7", Response(200, Fields(TEXT), NEW), ITEM.rules).tag)


@pytest.mark.parametrize("lock", list(UnconditionalPost))
@pytest.mark.parametrize("location", ["/things/7", "things/7", "http://h/things/7", "https://h/things/7"])
async def test_a_201_has_the_tag_of_what_its_location_names(location: str, lock: UnconditionalPost) -> None:
    """RFC 9110 §15.3.2: whether the POST was locked or relayed; and no lock is left behind."""
    rig = Collection(replace(LIST, unconditional_post=lock), ITEM, location=location)
    assert await rig.create() == rig.expected
    async with rig.lock.hold("/things/7", LeaseTerms(0.01, 1, 1, 1)):
        pass


async def test_it_is_selected_with_the_credentials_of_who_created_it() -> None:
    """And without what belongs to the content that was sent."""
    rig = Collection()
    await rig.create(("Authorization", "me"), ("Content-Type", "a/b"), ("Prefer", "return=minimal"))
    asked = rig.upstream.selects()[0].request
    assert (asked.method, asked.target.raw, asked.fields.get("authorization")) == ("GET", "/things/7", "me")
    assert not {"content-type", "prefer"} & asked.fields.names()


@pytest.mark.parametrize(
    "location", ["http://other/things/7", "//other/things/7", "/elsewhere", "/things/7#x", "", "mailto:a@b"]
)
async def test_what_is_not_ours_has_no_tag(location: str) -> None:
    """Another origin is not asked, and what no route guards has no tag to say."""
    rig = Collection(location=location)
    assert await rig.create() is None
    assert rig.upstream.selects() == []


@pytest.mark.parametrize(
    "routes",
    [
        (replace(LIST, etag_on_write=TagOnWrite.VERBATIM), ITEM),
        (replace(LIST, etag_on_write=TagOnWrite.NEVER), ITEM),
        (replace(LIST, guard=Guard.REPORT), ITEM),
        (LIST, replace(ITEM, guard=Guard.OFF)),
        (LIST, replace(ITEM, guard=Guard.REPORT)),
        (LIST, replace(ITEM, state=Template.parse("/other/{id}"))),
    ],
)
async def test_a_tag_is_said_only_where_it_guards_and_the_route_says_it(routes: tuple[Route, ...]) -> None:
    """A tag that would not be accepted helps nobody."""
    rig = Collection(*routes)
    assert await rig.create() is None
    assert rig.upstream.selects() == []


async def test_a_view_was_not_created() -> None:
    """Its tag would be that of a part."""
    rig = Collection(LIST, replace(ITEM, query=Query.VIEW), location="/things/7?fields=name")
    assert await rig.create() is None


@pytest.mark.parametrize("status", [200, 202, 204, 303, 400, 502])
async def test_only_201_creates(status: int) -> None:
    """Whatever Location means on other answers."""
    rig = Collection(status=status)
    assert await rig.create() is None


@pytest.mark.parametrize("shown", [Canned(403), Canned(404), NotSent("x"), Unanswered("x")])
async def test_what_cannot_be_selected_takes_nothing_from_the_answer(shown: Canned | Failure) -> None:
    """The resource was created; its tag is not known, and that is all."""
    rig = Collection()
    rig.shown = shown
    assert await rig.create() is None


async def test_what_somebody_wrote_meanwhile_has_no_tag_here() -> None:
    """I11: it would be the tag of a state that whoever created it never saw, and would let it overwrite that."""
    rig = Collection()
    rig.meanwhile = rig.somebody_writes
    assert await rig.create() is None


async def test_what_somebody_writes_while_it_is_selected_has_no_tag_here() -> None:
    """A lock that ended too early, as by a clock that was set, is no reason to say another's tag."""
    rig = Collection()
    rig.while_selected = rig.somebody_writes
    assert await rig.create() is None


async def test_what_somebody_wrote_before_has_one() -> None:
    """Then it is not what was created, or was deleted before that."""
    rig = Collection()
    rig.somebody_writes()
    assert await rig.create() == rig.expected


async def test_what_somebody_is_writing_has_no_tag_here() -> None:
    """Nobody waits long for a tag."""
    rig = Collection()
    async with rig.lock.hold("/things/7", LeaseTerms(1, 5, 5, 1)):
        assert await rig.create() is None


async def test_a_lock_that_ended_early_lets_no_tag_be_said() -> None:
    """Somebody else may hold the resource, and not have told it yet."""
    rig = Collection()

    def lapse() -> None:
        rig.lock.leases[-1].expires = 0

    rig.while_selected = lapse
    assert await rig.create() is None


async def test_no_other_resources_tag_is_said_in_its_place() -> None:
    """RFC 9110 §15.3.2: the tag in a 201 is that of what was created, and the list is not."""
    rig = Collection(replace(LIST, unconditional_post=UnconditionalPost.LOCK), ITEM, location="/elsewhere")
    assert await rig.create() is None


async def test_it_is_said_before_it_is_forgotten() -> None:
    """Where something is trusted, what the answer names is forgotten, as after a write."""
    rig = Collection(LIST, replace(ITEM, trust=60.0))
    assert await rig.create() == rig.expected


async def test_what_was_not_read_of_it_is_let_go_of() -> None:
    """An answer to the selection that shows no state."""
    rig, shown = Collection(), Canned(403, b"no")
    rig.shown = shown
    await rig.create()
    assert shown.closed == 1


async def test_an_answer_whose_client_leaves_meanwhile_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """While what was created is looked at."""
    rig, asking = Collection(), asyncio.Event()
    created = Canned(201, b"", (*TEXT, ("Location", "/things/7")))

    async def untouched(*_: object) -> bool:
        asking.set()
        return await asyncio.Future[bool]()

    monkeypatch.setattr(rig.state, "untouched", untouched)
    rig.upstream.script = lambda _, purpose: Canned(200, NEW) if purpose is Purpose.SELECT else created
    creating = asyncio.create_task(rig.create())
    await asking.wait()
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert created.closed == 1


async def test_a_put_that_creates_says_the_tag_under_its_own_lease() -> None:
    """Location names the target itself: the resource is held already."""
    rig = Collection(LIST, replace(ITEM, etag_on_write=TagOnWrite.ALWAYS))
    rig.meanwhile = lambda: rig.state.resume("/things/7")  # a mark that its own write may leave
    assert await rig.create(method="PUT", path="/things/7") == rig.expected


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize(("status", "forgotten"), [(200, True), (303, True), (404, False)])
async def test_what_an_answer_names_is_forgotten(name: str, status: int, forgotten: bool) -> None:
    """RFC 9111 §4.4: what was remembered of it may be of before the write."""
    trusting = replace(ITEM, trust=60.0)
    rig = Rig(lambda *_: Canned(200, NEW), trusting, state=MemoryState())
    rig.gateway = Gateway(Routes((LIST, trusting)), rig.upstream, rig.lock, rig.state, rig.minter)
    tag = str(rig.minter.mint("/things/7", Response(200, Fields(TEXT), NEW), ITEM.rules).tag)
    await rig.get("/things/7")
    asked = len(rig.upstream.sent)
    await rig.get("/things/7", ("If-None-Match", tag))
    assert len(rig.upstream.sent) == asked  # it is trusted
    rig.upstream.script = lambda *_: Canned(status, b"", (*TEXT, (name, "/things/7")))
    await rig.relay("POST", path="/things")
    rig.upstream.script = lambda *_: Canned(200, NEW)
    await rig.get("/things/7", ("If-None-Match", tag))
    assert (len(rig.upstream.sent) == asked + 2) is forgotten
