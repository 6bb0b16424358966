"""A Dockerfile as data: the stages, and in each the instructions in order. Enough of the grammar for ours."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; `rest` is all behind the keyword, continuation lines joined."""

    keyword: str
    rest: str

    def exec_form(self) -> list[str]:
        """Return the JSON array at the end of the instruction. Raised when it is in shell form: ValueError."""
        start = self.rest.find("[")
        if start < 0:
            message = f"not in exec form: {self.keyword} {self.rest}"
            raise ValueError(message)
        arguments: list[str] = json.loads(self.rest[start:])
        return arguments


@dataclass(frozen=True, slots=True)
class Stage:
    """The instructions behind one FROM."""

    base: str
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[Instruction]:
        """Return the instructions with that keyword, in order."""
        return [instruction for instruction in self.instructions if instruction.keyword == keyword]

    def the(self, keyword: str) -> Instruction:
        """Return the only instruction with that keyword. Raised when there is none or several: ValueError."""
        (instruction,) = self.all(keyword)
        return instruction

    def settings(self, keyword: str) -> dict[str, str]:
        """Return the `name=value` pairs of all ENV or LABEL instructions."""
        pairs = re.compile(r'([\w.]+)=(?:"([^"]*)"|(\S+))')
        found = (pair for instruction in self.all(keyword) for pair in pairs.findall(instruction.rest))
        return {name: quoted or bare for name, quoted, bare in found}


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The ARG lines before the first FROM, and the stages; a stage's base has its `${NAME}` filled in."""

    arguments: dict[str, str]
    stages: tuple[Stage, ...]


def instructions(text: str) -> list[Instruction]:
    """Split a Dockerfile into instructions; comments are dropped, continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", lines)
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines()]


def parse(text: str) -> Dockerfile:
    """Parse a Dockerfile."""
    arguments: dict[str, str] = {}
    stages: list[tuple[str, list[Instruction]]] = []
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            base = re.sub(r"\$\{(\w+)\}", lambda name: arguments[name[1]], instruction.rest.split()[0])
            stages.append((base, []))
        elif stages:
            stages[-1][1].append(instruction)
        else:
            name, _, value = instruction.rest.partition("=")
            arguments[name] = value
    return Dockerfile(arguments, tuple(Stage(base, tuple(found)) for base, found in stages))


def ours() -> Dockerfile:
    """Return this project's Dockerfile."""
    return parse((ROOT / "Dockerfile").read_text())
