"""What a fault of the store means to whoever has to do something about it.

What lives here: from an error of redis-py to words. What must not: what the proxy itself does then. No word of an error
in connecting is taken for the store's, since a host's name may be in it; what a store said holds no secret of ours.
"""

import re
from typing import Final

from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    NoPermissionError,
    RedisClusterException,
    ResponseError,
)
from redis.sentinel import MasterNotFoundError

from proxy.adapters.redis.store import reason_of

_OURS: Final = (AuthenticationError, AuthorizationError, NoPermissionError, AuthenticationWrongNumberOfArgsError)
_QUOTING: Final = (ResponseError, RedisClusterException, MasterNotFoundError)
"""Errors in whose text there may be an answer of a server."""

_DENIALS: Final = re.compile(
    r"(?:NOAUTH|WRONGPASS|NOPERM|invalid username-password pair|invalid password|Authentication required"
    r"|AUTH <password> called|can't run this command)[^\n<>]*"
)
_LASTING: Final = (
    ("DB index is out of range", "it has no such database: check the number in the store's URL"),
    ("command 'SENTINEL'", "it is no sentinel; name it as redis://host:port"),
    (
        "Cluster mode is not enabled",
        "it is no node of a cluster (name it as redis://host:port), or its user may not ask for CLUSTER SLOTS",
    ),
)
_PASSING: Final = (
    ("used memory > 'maxmemory'", "it is out of memory: raise its maxmemory"),
    ("Not enough good replicas", "its primary has no replica that follows it (NOREPLICAS)"),
)
_TLS: Final = re.compile(r"\[SSL[^\n]*|certificate verify failed[^\n]*")


def lasting(fault: BaseException) -> str | None:
    """Say what to do about a fault that does not pass by itself; None for one that may."""
    if isinstance(fault, _OURS):
        return _denied(str(fault))
    said = str(fault) if isinstance(fault, _QUOTING) else ""
    denial = _DENIALS.search(said)
    if denial:
        return _denied(denial[0])
    return next((advice for words, advice in _LASTING if words in said), None)


def passing(fault: BaseException) -> str:
    """Say what a fault comes to that may pass by itself."""
    said = str(fault)
    if isinstance(fault, MasterNotFoundError):
        return "no sentinel names a primary of that service"
    if isinstance(fault, ResponseError):
        known = next((advice for words, advice in _PASSING if words in said), None)
        return known or _first(said)
    tls = _TLS.search(said)
    return f"unreachable: {tls[0][:200]}" if tls else reason_of(fault)


def _denied(said: str) -> str:
    return (
        f"it denies access ({_first(said)}): check user and password of the store's URL, and the ACL in "
        "docs/operations.md"
    )


def _first(said: str) -> str:
    return re.split(r"\n| script: ", said)[0].strip()[:200]
