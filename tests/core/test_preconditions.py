"""The order and the meaning of preconditions (RFC 9110 §13), and what routes may decide about them."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import http_date
from proxy.core.entity_tag import ANY, TOLERANT, EntityTag, TagList, Tolerated
from proxy.core.fields import Fields
from proxy.core.minting import Validator
from proxy.core.preconditions import CONDITIONAL_FIELDS, Absence, Policy, Preconditions, Require, evaluate
from proxy.core.ranges import if_range_holds
from proxy.core.verdict import (
    Indeterminate,
    NotModified,
    Perform,
    PreconditionFailed,
    PreconditionRequired,
    Reason,
    Verdict,
)
from proxy.errors import MalformedPrecondition

LAW = settings(deadline=None)

NOW: Final = 784111777
DATE: Final = "Sun, 06 Nov 1994 08:49:37 GMT"
A: Final = EntityTag("a")
B: Final = EntityTag("b")
WEAK_A: Final = EntityTag("a", weak=True)
CURRENT: Final = Validator(A, NOW, minted=True)
UNDATED: Final = Validator(A, None, minted=True)
WEAK: Final = Validator(WEAK_A, NOW, minted=False)

READS: Final = ("GET", "HEAD")
WRITES: Final = ("PUT", "PATCH", "DELETE", "POST", "MOVE", "put")

HOLDS: Final = Perform(Reason.HOLDS)
UNCONDITIONAL: Final = Perform(Reason.NO_CONDITIONS)
UNMODIFIED: Final = NotModified(Reason.UNMODIFIED)
ABSENT: Final = Indeterminate(Reason.ABSENT)
REFUSED_ABSENT: Final = PreconditionFailed(Reason.ABSENT, None)


def given_that(  # one argument a field, in the order of the standard
    if_match: TagList | None = None,
    if_none_match: TagList | None = None,
    unmodified_since: int | None = None,
    modified_since: int | None = None,
) -> Preconditions:
    """Return preconditions without If-Range."""
    return Preconditions(if_match, if_none_match, unmodified_since, modified_since, None)


tags = st.builds(EntityTag, st.sampled_from("abc"), st.booleans())
tag_lists = st.none() | st.just(ANY) | st.lists(tags, min_size=1, max_size=3).map(tuple)
dates = st.none() | st.integers(NOW - 1, NOW + 1)
conditions_drawn = st.builds(Preconditions, tag_lists, tag_lists, dates, dates, st.none() | tags | dates)
validators = st.builds(Validator, tags, dates, st.booleans())
policies = st.builds(Policy, st.sampled_from(Require), st.sampled_from(Absence))
methods = st.sampled_from([*READS, *WRITES, "OPTIONS", "TRACE", "CONNECT"])
ordinary = st.sampled_from([*READS, *WRITES])

# ------------------------------------------------------------------------------------------------------------- reading


def test_a_request_without_conditional_fields_has_no_preconditions() -> None:
    """Nothing is demanded where nothing is written."""
    assert Preconditions.parse(Fields([("Accept", "*/*")])) == Preconditions(None, None, None, None, None)


def test_each_field_is_read_into_its_place() -> None:
    """All five conditional fields are read, whatever the case of their names."""
    fields = Fields(
        [
            ("IF-MATCH", '"a", W/"b"'),
            ("if-none-match", "*"),
            ("If-Unmodified-Since", DATE),
            ("If-Modified-Since", http_date.format(NOW + 1)),
            ("If-Range", '"a"'),
        ]
    )
    assert Preconditions.parse(fields) == Preconditions((A, EntityTag("b", weak=True)), ANY, NOW, NOW + 1, A)
    assert fields.names() == CONDITIONAL_FIELDS


def test_repeated_lines_are_one_list() -> None:
    """Tags on several lines, empty lines among them, are read as one list (RFC 9110 §5.3)."""
    fields = Fields([("If-Match", '"a"'), ("If-Match", ""), ("if-match", 'W/"a","b"')])
    assert Preconditions.parse(fields).if_match == (A, WEAK_A, B)


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize(
    "values",
    [
        [""],
        ["a"],
        ['"a", garbage'],
        ['"a", *'],
        ['"a"', "*"],
        ["*", "*"],
        ['w/"a"'],
        ['"a', 'b"'],
        [",".join(['"a"'] * 65)],
        ['"' + "a" * 4096 + '"'],
        ["-8588261538364775808"],
    ],
)
def test_a_malformed_tag_field_is_refused_by_name(name: str, values: list[str]) -> None:
    """A malformed list is never read as a shorter one, and a tag never spans two lines; the message names the field."""
    with pytest.raises(MalformedPrecondition, match=f"^{name} is malformed: ") as caught:
        Preconditions.parse(Fields([(name, value) for value in values]))
    assert caught.value.detail.isascii()


def test_a_refusal_does_not_echo_the_value() -> None:
    """Bytes of the request do not come back in the message."""
    with pytest.raises(MalformedPrecondition) as caught:
        Preconditions.parse(Fields([("If-Match", "<script>")]))
    assert "script" not in caught.value.detail


@pytest.mark.parametrize("values", [[""], ["yesterday"], ["0"], [DATE, DATE], [f"{DATE} x"]])
def test_an_invalid_date_is_no_condition(values: list[str]) -> None:
    """A date that is malformed or repeated is ignored (RFC 9110 §13.1.3, §13.1.4)."""
    for name in ("If-Unmodified-Since", "If-Modified-Since"):
        read = Preconditions.parse(Fields([(name, value) for value in values]))
        assert read == Preconditions(None, None, None, None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [('"a"', A), ('W/"a"', WEAK_A), ('""', EntityTag("")), (DATE, NOW), ("Sunday, 06-Nov-94 08:49:37 GMT", NOW)],
)
def test_if_range_is_a_tag_or_a_date(value: str, expected: EntityTag | int) -> None:
    """If-Range holds one validator of either kind (RFC 9110 §13.1.5)."""
    assert Preconditions.parse(Fields([("If-Range", value)])).if_range == expected


@pytest.mark.parametrize("value", ["", "a", "*", '"a", "b"', 'w/"a"', "yesterday"])
@pytest.mark.parametrize("validator", [CURRENT, UNDATED, WEAK, Validator(EntityTag(""), None, minted=False)])
def test_a_malformed_if_range_never_holds(value: str, validator: Validator) -> None:
    """A malformed If-Range is not taken for an absent one: the Range beside it does not apply to any state."""
    read = Preconditions.parse(Fields([("If-Range", value)]))
    assert read.if_range is not None
    assert not if_range_holds(read.if_range, validator)


@pytest.mark.parametrize(
    ("conditions", "conditional", "guarding"),
    [
        (given_that(), False, False),
        (given_that(if_match=(A,)), True, True),
        (given_that(if_match=(WEAK_A,)), True, True),
        (given_that(if_match=ANY), True, True),
        (given_that(if_none_match=ANY), True, True),
        (given_that(if_none_match=(A,)), True, False),
        (given_that(if_none_match=(EntityTag("*"),)), True, False),
        (given_that(unmodified_since=NOW), True, False),
        (given_that(unmodified_since=0), True, False),
        (given_that(modified_since=NOW), False, False),
        (Preconditions(None, None, None, None, A), False, False),
    ],
)
def test_what_applies_to_writes_and_what_guards_them(
    conditions: Preconditions, *, conditional: bool, guarding: bool
) -> None:
    """Three fields apply to writes; only a named state, or the demand that there be none, prevents a lost update."""
    assert conditions.conditional is conditional
    assert conditions.guarding is guarding
    assert conditions.decisive is (conditional or conditions.if_modified_since is not None)


# ---------------------------------------------------------------------------------------------------------- evaluating


@pytest.mark.parametrize("method", [*READS, *WRITES])
@pytest.mark.parametrize("current", [CURRENT, UNDATED, WEAK, None])
def test_without_conditions_a_request_goes_on(method: str, current: Validator | None) -> None:
    """No precondition is no obstacle, whether or not there is a representation."""
    assert evaluate(method, given_that(), current) == UNCONDITIONAL


@pytest.mark.parametrize("method", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("listed", "current", "expected"),
    [
        (ANY, CURRENT, HOLDS),
        (ANY, WEAK, HOLDS),
        ((A,), CURRENT, HOLDS),
        ((B, A), CURRENT, HOLDS),
        ((WEAK_A, A), CURRENT, HOLDS),
        ((B,), CURRENT, PreconditionFailed(Reason.STALE, A)),
        ((EntityTag("*"),), CURRENT, PreconditionFailed(Reason.STALE, A)),
        ((EntityTag(""),), CURRENT, PreconditionFailed(Reason.STALE, A)),
        ((EntityTag("A"),), CURRENT, PreconditionFailed(Reason.STALE, A)),
        ((WEAK_A,), CURRENT, PreconditionFailed(Reason.WEAK, A)),
        ((B, WEAK_A), CURRENT, PreconditionFailed(Reason.WEAK, A)),
        ((A,), WEAK, PreconditionFailed(Reason.WEAK, WEAK_A)),
        ((WEAK_A,), WEAK, PreconditionFailed(Reason.WEAK, WEAK_A)),
        ((B,), WEAK, PreconditionFailed(Reason.STALE, WEAK_A)),
    ],
)
def test_if_match_compares_strongly(method: str, listed: TagList, current: Validator, expected: Verdict) -> None:
    """One listed tag must equal the current one with neither weak; a merely weak match is told apart (§13.1.1)."""
    assert evaluate(method, given_that(if_match=listed), current) == expected


@pytest.mark.parametrize(
    ("listed", "current", "forbidden"),
    [
        (ANY, CURRENT, True),
        (ANY, None, False),
        ((A,), CURRENT, True),
        ((WEAK_A,), CURRENT, True),
        ((A,), WEAK, True),
        ((B, A), CURRENT, True),
        ((B,), CURRENT, False),
        ((EntityTag("*"),), CURRENT, False),
        ((A,), None, False),
    ],
)
def test_if_none_match_compares_weakly(listed: TagList, current: Validator | None, *, forbidden: bool) -> None:
    """A weak match is enough to forbid: 304 for GET and HEAD, 412 for every other method (§13.1.2)."""
    conditions = given_that(if_none_match=listed)
    for method in READS:
        assert evaluate(method, conditions, current) == (UNMODIFIED if forbidden else HOLDS)
    for method in WRITES:
        refusal = PreconditionFailed(Reason.EXISTS, current.tag if current else None)
        assert evaluate(method, conditions, current) == (refusal if forbidden else HOLDS)


@pytest.mark.parametrize("method", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("since", "current", "expected"),
    [
        (NOW, CURRENT, HOLDS),
        (NOW + 1, CURRENT, HOLDS),
        (NOW - 1, CURRENT, PreconditionFailed(Reason.MODIFIED, A)),
        (0, CURRENT, PreconditionFailed(Reason.MODIFIED, A)),
        (NOW - 1, UNDATED, UNCONDITIONAL),
        (NOW - 1, None, UNCONDITIONAL),
    ],
)
def test_if_unmodified_since(method: str, since: int, current: Validator | None, expected: Verdict) -> None:
    """True up to the date itself, false after it, ignored where no date is known (§13.1.4)."""
    assert evaluate(method, given_that(unmodified_since=since), current) == expected


@pytest.mark.parametrize(
    ("since", "current", "expected"),
    [
        (NOW, CURRENT, UNMODIFIED),
        (NOW + 1, CURRENT, UNMODIFIED),
        (NOW - 1, CURRENT, HOLDS),
        (NOW, UNDATED, UNCONDITIONAL),
        (NOW, None, UNCONDITIONAL),
    ],
)
def test_if_modified_since(since: int, current: Validator | None, expected: Verdict) -> None:
    """GET and HEAD answer 304 up to the date itself; any other method ignores the field (§13.1.3)."""
    conditions = given_that(modified_since=since)
    for method in READS:
        assert evaluate(method, conditions, current) == expected
    for method in WRITES:
        assert evaluate(method, conditions, current) == UNCONDITIONAL


@pytest.mark.parametrize(
    ("method", "conditions", "expected"),
    [
        # 1: If-Match is asked first and its failure wins over everything
        ("GET", given_that((B,), (A,), NOW - 1, NOW), PreconditionFailed(Reason.STALE, A)),
        ("PUT", given_that((B,), (A,), NOW - 1), PreconditionFailed(Reason.STALE, A)),
        # 2: If-Unmodified-Since only without If-Match, and before If-None-Match
        ("PUT", given_that(if_match=(A,), unmodified_since=NOW - 1), HOLDS),
        ("PUT", given_that(if_none_match=(A,), unmodified_since=NOW - 1), PreconditionFailed(Reason.MODIFIED, A)),
        ("GET", given_that(if_none_match=(A,), unmodified_since=NOW - 1), PreconditionFailed(Reason.MODIFIED, A)),
        # 3: If-None-Match after a true If-Match or If-Unmodified-Since
        ("PUT", given_that(if_match=(A,), if_none_match=(A,)), PreconditionFailed(Reason.EXISTS, A)),
        ("PUT", given_that(if_match=(A,), if_none_match=ANY), PreconditionFailed(Reason.EXISTS, A)),
        ("PUT", given_that(if_match=ANY, if_none_match=(B,)), HOLDS),
        ("GET", given_that(if_match=(A,), if_none_match=(A,)), UNMODIFIED),
        ("PUT", given_that(if_none_match=ANY, unmodified_since=NOW), PreconditionFailed(Reason.EXISTS, A)),
        # 4: If-Modified-Since only without If-None-Match, after a true If-Match or If-Unmodified-Since
        ("GET", given_that(if_none_match=(B,), modified_since=NOW), HOLDS),
        ("GET", given_that(if_match=(A,), modified_since=NOW), UNMODIFIED),
        ("GET", given_that(unmodified_since=NOW, modified_since=NOW), UNMODIFIED),
        ("GET", given_that(unmodified_since=NOW - 1, modified_since=NOW), PreconditionFailed(Reason.MODIFIED, A)),
    ],
)
def test_the_order_of_the_standard(method: str, conditions: Preconditions, expected: Verdict) -> None:
    """The conditions are asked in the order of RFC 9110 §13.2.2, and the first false one decides."""
    assert evaluate(method, conditions, CURRENT) == expected


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT"])
@pytest.mark.parametrize("current", [CURRENT, None])
def test_methods_that_select_nothing_ignore_every_condition(method: str, current: Validator | None) -> None:
    """Preconditions have no meaning where no representation is selected or changed (§13.2.1)."""
    assert evaluate(method, given_that((B,), ANY, 0, NOW), current) == UNCONDITIONAL


# -------------------------------------------------------------------------------------------- no current representation


@pytest.mark.parametrize(
    ("absent", "put", "other"),
    [
        (Absence.BY_METHOD, REFUSED_ABSENT, ABSENT),
        (Absence.REFUSE, REFUSED_ABSENT, REFUSED_ABSENT),
        (Absence.RELAY, ABSENT, ABSENT),
        (Absence.FORWARD, Perform(Reason.ABSENT), Perform(Reason.ABSENT)),
    ],
)
def test_a_listed_tag_where_there_is_nothing(absent: Absence, put: Verdict, other: Verdict) -> None:
    """What becomes of a write that names a state that is gone is the route's choice."""
    conditions, policy = given_that(if_match=(A,)), Policy(absent=absent)
    assert evaluate("PUT", conditions, None, policy) == put
    for method in ("PATCH", "DELETE", "POST", "MOVE"):
        assert evaluate(method, conditions, None, policy) == other


@pytest.mark.parametrize("absent", Absence)
@pytest.mark.parametrize("method", WRITES)
def test_the_wildcard_where_there_is_nothing(absent: Absence, method: str) -> None:
    """`If-Match: *` demands that something exist; no route can make it true where nothing does (§13.1.1)."""
    assert evaluate(method, given_that(if_match=ANY), None, Policy(absent=absent)) == REFUSED_ABSENT


@pytest.mark.parametrize("absent", Absence)
@pytest.mark.parametrize("method", READS)
@pytest.mark.parametrize("listed", [ANY, (A,)])
def test_a_read_where_there_is_nothing(absent: Absence, method: str, listed: TagList) -> None:
    """A read is never refused for what is absent: the origin server's 404 or 410 speaks (§13.2.1)."""
    assert evaluate(method, given_that(if_match=listed), None, Policy(absent=absent)) == ABSENT


@pytest.mark.parametrize("method", WRITES)
def test_creating_where_there_is_nothing(method: str) -> None:
    """`If-None-Match: *` is true where nothing exists, for every method."""
    assert evaluate(method, given_that(if_none_match=ANY), None) == HOLDS


# ----------------------------------------------------------------------------------------------------------- requiring

MISSING: Final = PreconditionRequired(Reason.MISSING, A)


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(
    ("require", "current", "expected"),
    [
        (Require.NONE, CURRENT, UNCONDITIONAL),
        (Require.NONE, None, UNCONDITIONAL),
        (Require.EXISTING, CURRENT, MISSING),
        (Require.EXISTING, None, UNCONDITIONAL),
        (Require.ALWAYS, CURRENT, MISSING),
        (Require.ALWAYS, None, PreconditionRequired(Reason.MISSING, None)),
    ],
)
def test_a_route_may_require_a_precondition(
    method: str, require: Require, current: Validator | None, expected: Verdict
) -> None:
    """A bare write is refused where the route asks for a guard, with `existing` only on what exists."""
    assert evaluate(method, given_that(), current, Policy(require)) == expected


@pytest.mark.parametrize("require", Require)
@pytest.mark.parametrize("method", [*READS, "OPTIONS"])
def test_safe_methods_need_no_precondition(require: Require, method: str) -> None:
    """Whatever a route requires, it requires of writes."""
    assert evaluate(method, given_that(), CURRENT, Policy(require)) == UNCONDITIONAL


@pytest.mark.parametrize(
    ("conditions", "current", "expected"),
    [
        (given_that(if_match=(A,)), CURRENT, HOLDS),
        (given_that(if_match=ANY), CURRENT, HOLDS),
        (given_that(if_none_match=ANY), None, HOLDS),
        (given_that(if_none_match=(B,)), CURRENT, MISSING),
        (given_that(unmodified_since=NOW), CURRENT, MISSING),
        (given_that(modified_since=NOW), CURRENT, MISSING),
        (given_that(if_match=(B,)), CURRENT, PreconditionFailed(Reason.STALE, A)),
        (given_that(if_none_match=(A,)), CURRENT, PreconditionFailed(Reason.EXISTS, A)),
        (given_that(unmodified_since=NOW - 1), CURRENT, PreconditionFailed(Reason.MODIFIED, A)),
    ],
)
def test_only_a_guarding_precondition_fulfils_the_requirement(
    conditions: Preconditions, current: Validator | None, expected: Verdict
) -> None:
    """Dates and If-None-Match with tags do not prevent lost updates; a false condition is told before a missing one."""
    assert evaluate("PUT", conditions, current, Policy(Require.ALWAYS)) == expected


# ---------------------------------------------------------------------------------------------------------------- laws


@LAW
@given(ordinary, conditions_drawn, st.none() | validators, policies)
def test_nothing_is_performed_under_another_tag(
    method: str, conditions: Preconditions, current: Validator | None, policy: Policy
) -> None:
    """With a listed If-Match, Perform means a strong match, or nothing to match where the route forwards that."""
    verdict = evaluate(method, conditions, current, policy)
    if isinstance(verdict, Perform) and isinstance(conditions.if_match, tuple):
        if current is None:
            assert policy.absent is Absence.FORWARD
        else:
            assert any(tag.strong_match(current.tag) for tag in conditions.if_match)


@LAW
@given(ordinary, conditions_drawn, st.none() | validators, policies)
def test_nothing_is_performed_on_nothing_under_the_wildcard(
    method: str, conditions: Preconditions, current: Validator | None, policy: Policy
) -> None:
    """`If-Match: *` with Perform means that a representation exists, `If-None-Match: *` that none does."""
    if isinstance(evaluate(method, conditions, current, policy), Perform):
        assert conditions.if_match is not ANY or current is not None
        assert conditions.if_none_match is not ANY or current is None


@LAW
@given(methods, conditions_drawn, st.none() | validators, policies)
def test_each_verdict_has_its_place(
    method: str, conditions: Preconditions, current: Validator | None, policy: Policy
) -> None:
    """304 answers reads, 428 bare writes, and only an absent representation leaves the word to the origin server."""
    verdict = evaluate(method, conditions, current, policy)
    match verdict:
        case NotModified():
            assert method in READS
        case PreconditionRequired():
            assert method not in READS
            assert policy.require is not Require.NONE
            assert not conditions.guarding
        case Indeterminate():
            assert current is None
        case Perform() | PreconditionFailed():
            pass


@LAW
@given(methods, conditions_drawn, st.none() | validators, policies)
def test_a_refusal_carries_the_current_tag(
    method: str, conditions: Preconditions, current: Validator | None, policy: Policy
) -> None:
    """A refusal tells the tag of the representation compared with, and none where there is none."""
    verdict = evaluate(method, conditions, current, policy)
    if isinstance(verdict, PreconditionFailed | PreconditionRequired):
        assert verdict.current == (None if current is None else current.tag)


@LAW
@given(ordinary, conditions_drawn, st.none() | validators, policies)
def test_dates_are_ignored_beside_tags(
    method: str, conditions: Preconditions, current: Validator | None, policy: Policy
) -> None:
    """With both tag fields present no date changes the verdict, and If-Range never does."""
    tagged = Preconditions(conditions.if_match or ANY, conditions.if_none_match or ANY, None, None, None)
    dated = Preconditions(
        tagged.if_match,
        tagged.if_none_match,
        conditions.if_unmodified_since,
        conditions.if_modified_since,
        conditions.if_range,
    )
    assert evaluate(method, dated, current, policy) == evaluate(method, tagged, current, policy)


@LAW
@given(st.sampled_from(WRITES), conditions_drawn, st.none() | validators)
def test_a_write_that_is_not_conditional_meets_no_condition(
    method: str, conditions: Preconditions, current: Validator | None
) -> None:
    """What `conditional` calls free of conditions is performed without one."""
    if not conditions.conditional:
        assert evaluate(method, conditions, current) == UNCONDITIONAL


@LAW
@given(st.sampled_from([*READS, *WRITES]), conditions_drawn, st.none() | validators)
def test_what_is_not_decisive_decides_nothing(
    method: str, conditions: Preconditions, current: Validator | None
) -> None:
    """Whatever the state, no request of any method is refused or answered 304 for what `decisive` does not see."""
    if not conditions.decisive:
        assert evaluate(method, conditions, current) == UNCONDITIONAL


@pytest.mark.parametrize("current", [CURRENT, WEAK], ids=["strong", "weak"])
@pytest.mark.parametrize("listed", [A, WEAK_A], ids=["strong", "weak"])
def test_a_weak_tag_can_be_tolerated_in_if_match(listed: EntityTag, current: Validator) -> None:
    """Where a route says so, W/ counts for nothing in If-Match; another tag is refused all the same."""
    policy = Policy(tolerated=frozenset({Tolerated.WEAK}))
    assert evaluate("PUT", given_that((listed,)), current, policy) == HOLDS
    assert evaluate("PUT", given_that((B,)), current, policy) == PreconditionFailed(Reason.STALE, current.tag)


def test_tolerated_spellings_are_read_in_both_fields() -> None:
    """If-Match and If-None-Match alike; elsewhere such spellings are malformed."""
    fields = Fields([("If-Match", "a-gzip"), ("If-None-Match", "b")])
    read = Preconditions.parse(fields, TOLERANT)
    assert (read.if_match, read.if_none_match) == ((EntityTag("a-gzip"), A), (B,))
    with pytest.raises(MalformedPrecondition):
        Preconditions.parse(fields)
