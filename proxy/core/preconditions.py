"""Preconditions: what a request demands of the current representation, and whether that is so (RFC 9110 §13).

What lives here: the conditional fields as a value, and their evaluation in the order of §13.2.2. What must not: how the
representation was selected, and which status a verdict becomes.

`evaluate` first drops the conditions that the standard has a recipient ignore; those that remain are all demanded.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.core import entity_tag, http_date
from proxy.core.entity_tag import ANY, STRICT, EntityTag, TagList, Tolerated
from proxy.core.fields import Fields
from proxy.core.message import SAFE_METHODS
from proxy.core.minting import Validator
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

CONDITIONAL_FIELDS: Final = frozenset(
    {"if-match", "if-none-match", "if-unmodified-since", "if-modified-since", "if-range"}
)
"""The fields that hold preconditions, in lower case."""

_READS: Final = frozenset({"GET", "HEAD"})
_UNCONDITIONAL: Final = frozenset({"CONNECT", "OPTIONS", "TRACE"})
"""Methods that select no representation; their preconditions are ignored (RFC 9110 §13.2.1)."""

_UNMATCHABLE: Final = EntityTag("", weak=True)
"""Stands for a malformed If-Range: being weak, it matches nothing strongly, so the Range field is ignored."""


class Absence(Enum):
    """What a listed If-Match tag comes to where there is no current representation."""

    BY_METHOD = "by-method"
    """PUT would create, so it is refused; any other method is left to the origin server's own 404 or 410."""
    REFUSE = "refuse"
    """The precondition has failed (412)."""
    RELAY = "relay"
    """The origin server's own 404 or 410 speaks."""
    FORWARD = "forward"
    """The request goes on, for an origin server that knows better."""


class Require(Enum):
    """Which unsafe requests must carry a precondition that guards against a lost update."""

    NONE = "none"
    EXISTING = "existing"
    """Those on a current representation; a PUT may still create."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a route decides where the standard leaves it open."""

    require: Require = Require.NONE
    absent: Absence = Absence.BY_METHOD
    tolerated: frozenset[Tolerated] = STRICT


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The conditional fields of a request. None is a field that is absent or, being an invalid date, ignored.

    Dates are seconds since the epoch.
    """

    if_match: TagList | None = None
    if_none_match: TagList | None = None
    if_unmodified_since: int | None = None
    if_modified_since: int | None = None
    if_range: EntityTag | int | None = None

    @classmethod
    def parse(cls, fields: Fields, tolerated: AbstractSet[Tolerated] = STRICT) -> "Preconditions":
        """Read the conditional fields, repeated lines as one list.

        Raised when If-Match or If-None-Match is malformed: `errors.MalformedPrecondition`. An invalid date is no
        condition (RFC 9110 §13.1.3, §13.1.4); a malformed If-Range is one that no representation fulfils.
        """
        if CONDITIONAL_FIELDS.isdisjoint(fields.names()):
            return _NOTHING
        return cls(
            if_match=_tags(fields, "If-Match", tolerated),
            if_none_match=_tags(fields, "If-None-Match", tolerated),
            if_unmodified_since=_date(fields, "If-Unmodified-Since"),
            if_modified_since=_date(fields, "If-Modified-Since"),
            if_range=_range_validator(fields),
        )

    @property
    def conditional(self) -> bool:
        """Tell whether a condition is present that may apply to an unsafe method."""
        return not (self.if_match is None and self.if_none_match is None and self.if_unmodified_since is None)

    @property
    def decisive(self) -> bool:
        """Tell whether a condition is present that may decide about a request of any method."""
        return self.conditional or self.if_modified_since is not None

    @property
    def guarding(self) -> bool:
        """Tell whether a lost update is guarded against: the request names a state, or demands that there is none."""
        return self.if_match is not None or self.if_none_match is ANY


_NOTHING: Final = Preconditions()
_DEFAULT: Final = Policy()
_UNASKED: Final = Perform(Reason.NO_CONDITIONS)


def evaluate(method: str, conditions: Preconditions, current: Validator | None, policy: Policy = _DEFAULT) -> Verdict:
    """Tell what the preconditions of a request come to; `current` is None where there is no representation."""
    if conditions is _NOTHING and method in SAFE_METHODS:
        return _UNASKED
    demanded = _demanded(method, conditions, current)
    verdict = _evaluated(method, demanded, current, policy)
    if isinstance(verdict, Perform) and _lacks_guard(method, conditions, current, policy.require):
        return PreconditionRequired(Reason.MISSING, None if current is None else current.tag)
    return verdict


def _tags(fields: Fields, name: str, tolerated: AbstractSet[Tolerated]) -> TagList | None:
    value = fields.get(name)
    if value is None:
        return None
    try:
        return entity_tag.parse_list(value, tolerated)
    except ValueError as fault:
        raise MalformedPrecondition(f"{name} is malformed: {fault}") from fault


def _date(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    # Joined lines are no date, so a repeated field is ignored like any invalid one.
    return None if value is None else http_date.parse(value)


def _range_validator(fields: Fields) -> EntityTag | int | None:
    value = fields.get("If-Range")
    if value is None:
        return None
    date = http_date.parse(value)
    if date is not None:
        return date
    try:
        return entity_tag.parse(value)
    except ValueError:
        return _UNMATCHABLE


def _demanded(method: str, conditions: Preconditions, current: Validator | None) -> Preconditions:
    """Return the conditions that apply. If-Range is never one: it selects a part, it forbids nothing (§13.1.5)."""
    if method in _UNCONDITIONAL:
        return _NOTHING
    if conditions.if_unmodified_since is conditions.if_modified_since is conditions.if_range is None:
        return conditions
    dated = current is not None and current.modified is not None  # else §13.1.3 and §13.1.4 have the dates ignored
    # A recipient that reads tags ignores the date beside them (§13.1.3, §13.1.4).
    until = conditions.if_unmodified_since if dated and conditions.if_match is None else None
    since = conditions.if_modified_since if dated and conditions.if_none_match is None and method in _READS else None
    return Preconditions(conditions.if_match, conditions.if_none_match, until, since)


def _evaluated(method: str, demanded: Preconditions, current: Validator | None, policy: Policy) -> Verdict:
    if current is None:
        refusal = _absent(method, demanded, policy.absent)
    else:
        refusal = _false(method, demanded, current, policy.tolerated)
    if refusal is not None:
        return refusal
    return Perform(Reason.NO_CONDITIONS if demanded == _NOTHING else Reason.HOLDS)


def _false(
    method: str, demanded: Preconditions, current: Validator, tolerated: AbstractSet[Tolerated]
) -> Verdict | None:
    """Return what the first false condition comes to, in the order of §13.2.2; None when all are true."""
    return (
        _if_match(demanded.if_match, current, tolerated)  # step 1
        or _if_unmodified_since(demanded.if_unmodified_since, current)  # step 2
        or _if_none_match(demanded.if_none_match, current, method)  # step 3
        or _if_modified_since(demanded.if_modified_since, current)  # step 4
    )


def _if_match(listed: TagList | None, current: Validator, tolerated: AbstractSet[Tolerated]) -> Verdict | None:
    if listed is None or listed is ANY or any(tag.strong_match(current.tag) for tag in listed):
        return None
    nearly = any(tag.weak_match(current.tag) for tag in listed)
    if nearly and Tolerated.WEAK in tolerated:
        return None
    return PreconditionFailed(Reason.WEAK if nearly else Reason.STALE, current.tag)


def _if_unmodified_since(date: int | None, current: Validator) -> Verdict | None:
    if date is None or current.modified is None or current.modified <= date:
        return None
    return PreconditionFailed(Reason.MODIFIED, current.tag)


def _if_none_match(listed: TagList | None, current: Validator, method: str) -> Verdict | None:
    if listed is None or (listed is not ANY and not any(tag.weak_match(current.tag) for tag in listed)):
        return None
    return NotModified(Reason.UNMODIFIED) if method in _READS else PreconditionFailed(Reason.EXISTS, current.tag)


def _if_modified_since(date: int | None, current: Validator) -> Verdict | None:
    if date is None or current.modified is None or current.modified > date:
        return None
    return NotModified(Reason.UNMODIFIED)


def _absent(method: str, demanded: Preconditions, absent: Absence) -> Verdict | None:
    """Return what If-Match comes to without a representation; the other conditions are true or ignored then."""
    if demanded.if_match is None:
        return None
    if method in _READS:
        return Indeterminate(Reason.ABSENT)  # the answer without the condition is not 2xx: it speaks (§13.2.1)
    if demanded.if_match is ANY:
        return PreconditionFailed(Reason.ABSENT, None)
    return _listed_on_nothing(method, absent)


def _listed_on_nothing(method: str, absent: Absence) -> Verdict:
    if absent is Absence.FORWARD:
        return Perform(Reason.ABSENT)
    if absent is Absence.REFUSE or (absent is Absence.BY_METHOD and method == "PUT"):
        return PreconditionFailed(Reason.ABSENT, None)
    return Indeterminate(Reason.ABSENT)


def _lacks_guard(method: str, conditions: Preconditions, current: Validator | None, require: Require) -> bool:
    if method in SAFE_METHODS or conditions.guarding:
        return False
    return require is Require.ALWAYS or (require is Require.EXISTING and current is not None)
