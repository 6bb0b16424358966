"""Commands that only say something: `check`, `explain`, `schema`, `version`. Nothing is started or asked."""

import json
import os
import platform
import sys
from importlib import metadata
from typing import TextIO
from urllib.parse import urlsplit

from proxy import __version__
from proxy.cli.explaining import explained
from proxy.config import ConfigurationError, Settings, load
from proxy.config.schema import schema as schema_document
from proxy.core.admission import admit
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.errors import Failure
from proxy.gateway.planning import plan

_NOBODY = Fields([("Host", "explain.invalid")])


def settings_or_mistakes(config: str | None, flags: dict[str, str]) -> Settings | None:
    """Load a configuration; None after having listed its mistakes on standard error."""
    try:
        return load(config, flags=flags, environ=os.environ)
    except ConfigurationError as fault:
        for problem in fault.problems:
            print(problem, file=sys.stderr)
        return None


def check(config: str, out: TextIO) -> int:
    """List every mistake of a configuration: 0 when there is none, else 2."""
    settings = settings_or_mistakes(config, {})
    if settings is None:
        return 2
    count = len(settings.routes.routes)
    print(f"{config}: good: {count} route{'' if count == 1 else 's'}, upstream {settings.upstream.authority}", file=out)
    if not settings.routes.guard_something:
        print(f"{config}: but nothing is guarded: no route enforces, and unmatched is not guard", file=out)
    return 0


def explain(config: str, method: str, url: str, out: TextIO) -> int:
    """Say what would be done with a request that carries no preconditions."""
    settings = settings_or_mistakes(config, {})
    if settings is None:
        return 2
    try:
        request = Request(method, admit(method, target_of(url), (1, 1), _NOBODY), _NOBODY)
        planned = plan(settings.routes, request)
    except Failure as failure:
        print(f"refused     {failure.detail}", file=out)
        return 1
    for name, text in explained(settings.routes, method, planned):
        print(f"{name:<11} {text}", file=out)
    return 0


def schema(out: TextIO) -> int:
    """Print the JSON Schema of the configuration."""
    print(json.dumps(schema_document(), indent=2), file=out)
    return 0


def version(out: TextIO) -> int:
    """Print the version of the program and of what it stands on."""
    parts = [f"{name} {metadata.version(name)}" for name in ("aiohttp", "httptools", "pydantic")]
    print(f"ifmatch {__version__} (Python {platform.python_version()}, {', '.join(parts)})", file=out)
    return 0


def target_of(url: str) -> str:
    """Return the request target of a URL or of a path, its bytes one a character."""
    parts = urlsplit(url)
    if parts.scheme and parts.netloc:
        rest = url.split(parts.netloc, 1)[1]
        url = rest if rest.startswith("/") else f"/{rest}"
    return url.encode().decode("latin-1")
