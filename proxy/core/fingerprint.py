"""What the replicas of a fleet must have in common, as one short text that can be compared.

What lives here: which of a route's rules count. Those do that decide which requests exclude each other, and what a tag
says; two replicas that differ in them would not guard one resource together. Limits and time-outs may differ.
"""

from collections.abc import Iterator
from hashlib import blake2b

from proxy.core import injection
from proxy.core.matching import Routes
from proxy.core.route import Route


def fingerprint(routes: Routes, key: bytes) -> str:
    """Return the fingerprint of these rules under a secret of the fleet, so that it tells nothing of either."""
    digest = blake2b(routes.unmatched.value.encode(), digest_size=16, key=key)
    if routes.trust_something:  # then all tell the store of each write that they relay, else none has to
        digest.update(b"trust")
    for route in routes.routes:
        for part in _parts(route):
            digest.update(len(part).to_bytes(4, "big"))
            digest.update(part)
    return digest.hexdigest()


def longest_write_lease(routes: Routes) -> float:
    """Return the longest lease that a writer may have in its write phase, in seconds."""
    return max((route.lock.write for route in routes.candidates), default=0.0)


def _parts(route: Route) -> Iterator[bytes]:
    yield route.template.text.encode()
    yield ",".join(sorted(route.methods or ())).encode()
    yield route.guard.value.encode()
    yield b"" if route.state is None else route.state.text.encode()
    yield route.query.value.encode()
    yield route.rules.fingerprint
    yield injection.fingerprint(route.inject)
    yield route.unconditional_post.value.encode()
    yield str(route.lock.write).encode()
