"""How long a client is waited for: the values, and no clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client is waited for, in seconds.

    `keepalive`: between two requests. `head`: from the first byte of a request head to its last. `linger`: for a client
    to read a last answer before the connection closes on what it still sends. `stall`: for it to take what is being
    written. `silence`: without a byte written to a client that has shut its sending side, after which it is taken to
    have left, since over TCP the two look alike.
    """

    keepalive: float = 75.0
    head: float = 10.0
    linger: float = 2.0
    stall: float = 60.0
    silence: float = 60.0
