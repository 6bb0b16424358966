"""What the replicas that share a store must have in common, as two short texts made of the settings.

What lives here: what goes into them. What must not: the store, which compares them.
"""

from proxy.config import Settings
from proxy.core.fingerprint import fingerprint
from proxy.core.matching import Routes
from proxy.core.minting import Minter

_NAMES = b"names of resources in the store"
_RULES = b"rules of the fleet"


def fleet_names(settings: Settings) -> bytes:
    """Return the key by which resources are named in the store."""
    return Minter(settings.tag_key).derived(_NAMES)


def fleet_rules(settings: Settings, routes: Routes) -> str:
    """Return the fingerprint of routes under the settings' tag key."""
    return fingerprint(routes, Minter(settings.tag_key).derived(_RULES))
