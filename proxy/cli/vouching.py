"""`ifmatch vouch`: an operator says that no write is under way, and the store's quarantine ends.

A store that is new, was restarted, flushed or replaced may have forgotten a lock under which somebody still writes, so
nothing is granted until the longest write lease is over. Who knows better may say so: before the first start of a
fleet, or when all replicas were stopped together with the store. Exit 0, or 2 where the store cannot be used.
"""

import asyncio
import sys
from typing import TextIO

from proxy.cli import GOOD, USAGE
from proxy.cli.sharing import vouched
from proxy.cli.telling import settings_or_mistakes
from proxy.config import ConfigurationError


def vouch(config: str, out: TextIO, store: str | None = None) -> int:
    """End the quarantine of the configuration's store, or of another."""
    settings = settings_or_mistakes(config, {} if store is None else {"store": store})
    if settings is None:
        return USAGE
    if not settings.store.shared:
        print(f"{config}: store {settings.store} is not shared, and never in quarantine", file=sys.stderr)
        return USAGE
    try:
        ended = asyncio.run(vouched(settings))
    except ConfigurationError as fault:
        print(fault, file=sys.stderr)
        return USAGE
    said = "quarantine ended: guarded writes go on" if ended else "was not in quarantine"
    print(f"{settings.store}: {said}", file=out)
    return GOOD
