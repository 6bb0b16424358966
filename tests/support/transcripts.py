"""Transcripts in Markdown, played again: each `console` block's commands must print what the block shows.

What lives here: reading blocks, running their commands one after the other, comparing. The ports that a document names,
and our default ones, stand for free ones while it is played. `...` is anything within a line; alone on one, any lines.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.child import ROOT
from tests.support.ports import reserved_port

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("6379", "8080", "8081", "9000", "9901", "9902")
DEFAULTS = {"IFMATCH_LISTEN": "8080", "IFMATCH_ADMIN": "9901"}
PATIENCE = 30.0


@dataclass(frozen=True)
class Turn:
    """One command of a transcript and what it printed."""

    command: str
    expected: tuple[str, ...]

    @property
    def in_background(self) -> bool:
        return self.command.endswith("&")


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [match[2] for match in BLOCK.finditer(document.read_text("utf-8")) if match[1] == language]


def turns(block: str) -> list[Turn]:
    """Split a `console` block at its prompts."""
    made: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            made.append((line[2:], []))
        else:
            made[-1][1].append(line)
    return [Turn(command, tuple(printed)) for command, printed in made]


def agrees(expected: tuple[str, ...], printed: str) -> bool:
    """Tell whether output is what a transcript shows."""
    parts = [".*" if line == "..." else _line(line) for line in expected]
    return re.fullmatch("\n".join(parts).replace(".*\n", "(?:.*\n)*"), printed.rstrip("\n"), re.DOTALL) is not None


def _line(text: str) -> str:
    return "[^\n]*".join(map(re.escape, text.split("...")))


class Shell:
    """What plays the commands of one document, in one folder, with free ports for those that it names."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._ports = {named: str(stack.enter_context(reserved_port())) for named in PORTS}
        path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        defaults = {name: f"127.0.0.1:{self._ports[port]}" for name, port in DEFAULTS.items()}
        self._environment = {**_without_ours(os.environ), **defaults, "PATH": path, "PYTHONUNBUFFERED": "1"}

    def play(self, turn: Turn) -> str:
        """Run a command and return what it printed, with the document's ports."""
        command = self._mapped(turn.command)
        if turn.in_background:
            return self._unmapped(self._start(command.removesuffix("&"), len(turn.expected)))
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        return self._unmapped(done.stdout.decode().replace("\r", ""))

    def _start(self, command: str, lines: int) -> str:
        """Start a command that stays, and return its first lines."""
        child = subprocess.Popen(
            ["/bin/bash", "-c", f"exec {command}"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(_stop, child)
        assert child.stdout is not None
        return "".join(_first(child.stdout, lines))

    def _mapped(self, text: str) -> str:
        for named, free in self._ports.items():
            text = text.replace(f"127.0.0.1:{named}", f"127.0.0.1:{free}").replace(f"--port {named}", f"--port {free}")
        return text

    def _unmapped(self, text: str) -> str:
        for named, free in self._ports.items():
            text = text.replace(f"127.0.0.1:{free}", f"127.0.0.1:{named}")
        return text


@contextmanager
def shell() -> Iterator[Shell]:
    """Yield a shell whose background commands are stopped on leaving."""
    with ExitStack() as stack:
        yield Shell(stack)


def _without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith("IFMATCH_")}


def _first(stream: IO[str], lines: int) -> Iterator[str]:
    for _ in range(lines):
        yield stream.readline()


def _stop(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=PATIENCE)
