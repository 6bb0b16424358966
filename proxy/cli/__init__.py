"""The command `ifmatch`: its words and options, and which room does what they say.

What lives here: the parser and the dispatch. Each command is a room of its own, imported when it is called: a health
check every few seconds must not pay for a web server that it does not start.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from proxy import __version__

GOOD: Final = 0
FAILURE: Final = 1
USAGE: Final = 2
"""The exit codes; 2 also is an unusable configuration."""

_DESCRIPTION = "Optimistic concurrency (ETag, If-Match) for an HTTP API that has none, as a sidecar reverse proxy."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    command: str = options.command
    if command == "run":
        from proxy.cli.running import run

        return run(options)
    if command == "demo":
        from proxy.cli.demonstration import demo

        return demo(once=options.once)
    if command == "vouch":
        from proxy.cli.vouching import vouch

        return vouch(options.config, sys.stdout, options.store)
    if command == "probe":
        from proxy.cli.probing import probe

        return probe(options, sys.stdout)
    if command == "healthcheck":
        from proxy.cli.health import healthcheck

        return healthcheck(options.admin, options.timeout)
    return _tell(command, options)


def _tell(command: str, options: argparse.Namespace) -> int:
    """Run a command that only prints."""
    from proxy.cli import telling

    if command == "check":
        return telling.check(options.config, sys.stdout)
    if command == "explain":
        return telling.explain(options.config, options.method, options.url, sys.stdout)
    if command == "schema":
        return telling.schema(sys.stdout)
    return telling.version(sys.stdout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ifmatch", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"ifmatch {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the proxy; without CONFIG, --upstream alone guards everything")
    run.add_argument("config", nargs="?", metavar="CONFIG", help="YAML file of routes")
    run.add_argument("--upstream", metavar="URL", help="the origin server")
    run.add_argument("--listen", metavar="ADDRESS", help="where clients connect: HOST:PORT or unix:PATH")
    run.add_argument("--admin", metavar="ADDRESS", help="where health is asked for: HOST:PORT")
    run.add_argument("--store", metavar="URL", help="where locks live: memory://, or redis://HOST:PORT and its kin")
    run.add_argument("--workers", metavar="N", help="processes that serve the port; several need a shared store")
    run.add_argument("--log", choices=("json", "text"), help="access log; default: text on a terminal, else json")
    vouch = commands.add_parser("vouch", help="end the store's quarantine: you vouch that no write is under way")
    vouch.add_argument("config", metavar="CONFIG")
    vouch.add_argument("--store", metavar="URL", help="the store, where it is not the configuration's")
    check = commands.add_parser("check", help="list every mistake of a configuration; exit 0 or 2")
    check.add_argument("config", metavar="CONFIG")
    explain = commands.add_parser("explain", help="say what would be done with a request")
    explain.add_argument("config", metavar="CONFIG")
    explain.add_argument("method", metavar="METHOD")
    explain.add_argument("url", metavar="URL", help="a URL, or its path")
    _add_probe(commands.add_parser("probe", help="read a resource several times, and say what to configure for it"))
    commands.add_parser("schema", help="print the JSON Schema of the configuration, for editors")
    commands.add_parser("version", help="print versions")
    health = commands.add_parser("healthcheck", help="ask a running proxy whether it is ready; exit 0 or 1")
    health.add_argument("--admin", metavar="ADDRESS", help="its admin address; default: IFMATCH_ADMIN, 127.0.0.1:9901")
    health.add_argument("--timeout", type=float, default=2.0, metavar="SECONDS")
    demo = commands.add_parser("demo", help="show a lost update, and the same with ifmatch in front")
    demo.add_argument("--once", action="store_true", help="leave after the play; exit 0 only if all went as it must")
    return parser


def _add_probe(probe: argparse.ArgumentParser) -> None:
    probe.add_argument("config", metavar="CONFIG")
    probe.add_argument("url", metavar="URL", help="a URL, or its path; its resource is read at the upstream")
    probe.add_argument("--upstream", metavar="URL", help="the origin server, where it is not the configuration's")
    probe.add_argument("--times", type=int, default=3, metavar="N", help="how often it is read in a row; default: 3")
    probe.add_argument("--pause", type=float, default=2.0, metavar="SECONDS", help="before N more; default: 2")
    probe.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="a field to send along")
    probe.add_argument(
        "--write", action="store_true", help="also PUT what was read, once, to see whether If-Match is enforced"
    )
