"""Rows that hold requests on purpose: time limits that leave room for it, on a slow machine too.

What lives here: the limits, and what such rows have in common. Their steps are `tests.faults.solo`'s.
"""

from typing import Any

from tests.faults.matrix import Row
from tests.faults.scene import Setting
from tests.faults.solo import nothing_stays_locked

SELECT, PERFORM, SETTLE = 0.8, 1.5, 0.8
"""How long a selection and a write may take, and how long after that a write may be applied, in seconds."""

LEASE = PERFORM + SETTLE + 5
"""How long a lease is in its write phase, and a quarantine."""

ROUTE = {"timeouts": {"connect": "1s", "select": f"{SELECT}s", "perform": f"{PERFORM}s", "settle": f"{SETTLE}s"}}
"""The keys of a route with these."""

UNHURRIED = Setting(route=ROUTE)


def unhurried(name: str, what: str, expected: str, **more: Any) -> Row:
    """Return a row in which few write, and after which no lock stays."""
    common = {"setting": UNHURRIED, "clients": 3, "writes": 80, "afterwards": nothing_stays_locked}
    return Row(name, what, expected, **{**common, **more})
