"""What a sampler has seen, and what follows: which rooms and functions the CPU time went to.

What lives here: reading the file of `bench.sampler`, grouping and counting, all of it pure. Time in C, and in the
kernel, is that of the Python function that called there: nothing else can be told from within Python.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LOOP: Final = "event loop"
BELOW: Final = "C code that nobody called from Python"

_FAMILIES: Final = {
    "aiohttp": ("aiohttp", "aiosignal", "frozenlist", "multidict", "propcache", "yarl"),
    LOOP: ("asyncio", "selectors", "uvloop"),
    "starting": ("__main__", "runpy", "_frozen_runpy"),
}
_FAMILY: Final = {module: family for family, modules in _FAMILIES.items() for module in modules}
_MADE: Final = re.compile(r"^__create_fn__\.<locals>\.")
"""How the name of a method begins that `dataclasses` has made."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A function that is under way, and the module that it is of."""

    module: str
    function: str


Stack = tuple[Frame, ...]
"""The innermost function first."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How often each stack was seen, and the CPU time (seconds) in the program and in the kernel meanwhile."""

    stacks: Mapping[Stack, int]
    user: float
    system: float

    @property
    def samples(self) -> int:
        """How often it was looked."""
        return sum(self.stacks.values())

    @property
    def kernel(self) -> float:
        """The kernel's share of the CPU time."""
        return self.system / (self.user + self.system)


def read(text: str) -> Profile:
    """Return what stands in a sampler's file. Raised when nothing was seen, or it holds no such thing: `ValueError`."""
    found = json.loads(text)
    try:
        stacks: Counter[Stack] = Counter()
        for each in found["stacks"]:
            stacks[tuple(Frame(module, function) for module, function in each["frames"])] += each["count"]
        profile = Profile(stacks, found["user"], found["system"])
    except (KeyError, TypeError) as fault:
        raise ValueError(f"not what a sampler writes: {text[:200]}") from fault
    if not stacks:
        raise ValueError("the sampler has seen nothing")
    return profile


def room(module: str) -> str:
    """Return what a module counts as: a room of ours by its name, a package of others, the event loop.

    >>> room("proxy.server.ledger"), room("json.encoder"), room("selectors")
    ('server/ledger', 'json', 'event loop')
    """
    package, _, rest = module.partition(".")
    if package == "proxy":
        return rest.replace(".", "/") or package
    return _FAMILY.get(package, package)


def room_of(frame: Frame) -> str:
    """Return what a function's module counts as."""
    return room(frame.module)


def spelled(frame: Frame) -> str:
    """Return a function as a reader sees it: its room, and its name there.

    >>> spelled(Frame("proxy.core.message", "__create_fn__.<locals>.__init__"))
    'core/message: __init__'
    """
    return f"{room(frame.module)}: {_MADE.sub('', frame.function)}"


def own(profile: Profile, named: Callable[[Frame], str]) -> dict[str, float]:
    """Return the share of the time that each had for itself, what it called in C included; the greatest first."""
    counts: Counter[str] = Counter()
    for stack, count in profile.stacks.items():
        counts[named(stack[0]) if stack else BELOW] += count
    return {name: count / profile.samples for name, count in counts.most_common()}


def within(profile: Profile, belongs: Callable[[str], bool]) -> float:
    """Return the share of the time in which a function of such rooms was under way, with all that it called."""
    times = (count for stack, count in profile.stacks.items() if any(belongs(room_of(frame)) for frame in stack))
    return sum(times) / profile.samples


@dataclass(frozen=True, slots=True)
class Area:
    """Rooms that are counted together: those of these names, and those in these folders."""

    title: str
    rooms: Collection[str] = ()
    folder: str | None = None

    def has(self, name: str) -> bool:
        """Tell whether a room is one of them."""
        return name in self.rooms or (self.folder is not None and f"{name}/".startswith(f"{self.folder}/"))


def area(name: str, areas: Sequence[Area]) -> Area | None:
    """Return the first that has a room, so that each room counts once."""
    return next((each for each in areas if each.has(name)), None)
