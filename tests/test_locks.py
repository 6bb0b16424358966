"""What the lock files promise: everything by hash, from nowhere in particular, one version of each."""

import json
import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "requirements"
LOCKS = ["build.txt", "dev.txt", "run.txt"]
NPM = ["tests/origins", "bench/fastify"]

Pin = tuple[str, str]
"""Version and marker."""


def pins(lock: str) -> dict[str, set[Pin]]:
    """Return what a lock file pins; a name may be pinned twice under markers that exclude each other."""
    found: dict[str, set[Pin]] = {}
    for line in (FOLDER / lock).read_text().splitlines():
        if match := re.fullmatch(r"([a-z0-9-]+)==(\S+)(?: ; (.+))? \\", line):
            found.setdefault(match[1], set()).add((match[2], match[3] or ""))
    return found


def names(requirements: list[str]) -> set[str]:
    """Return the normalised names of some requirements."""
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def declared(table: str) -> dict[str, Any]:
    """Return a table of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())[table]
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_hashes_and_nothing_else(lock: str) -> None:
    """No index, host, path or option stands in a lock file; every pin is followed by its hashes."""
    text = (FOLDER / lock).read_text()
    assert re.fullmatch(
        r"(#[^\n]*\n)+([a-z0-9-]+==[^\s;]+( ; [^\n\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n( +#[^\n]*\n)*)+", text
    )
    assert not re.search(r"://|--index|--find-links|/tmp/|@ ", text)


@pytest.mark.parametrize("lock", ["build.txt", "run.txt"])
def test_what_is_tested_is_what_is_shipped(lock: str) -> None:
    """Whatever the image and the build use stands in the development lock in the same version."""
    developed = pins("dev.txt")
    assert all(found == developed[package] for package, found in pins(lock).items())


def test_every_declared_dependency_is_locked() -> None:
    """The lock files are not older than the requirements in pyproject.toml."""
    project = declared("project")
    extras = project["optional-dependencies"]
    assert names([*project["dependencies"], *extras["fast"]]) <= pins("run.txt").keys()
    assert names([*project["dependencies"], *chain.from_iterable(extras.values())]) <= pins("dev.txt").keys()


def test_the_build_list_is_the_declared_one() -> None:
    """requirements/build.in repeats `build-system.requires`, which no resolver reads for us."""
    lines = (FOLDER / "build.in").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == declared("build-system")["requires"]


def test_the_oldest_python_is_served() -> None:
    """On Debian 12's Python 3.11.2 redis needs async-timeout; a lock made for a newer Python would miss it."""
    assert any("3.11.3" in marker for _, marker in pins("run.txt")["async-timeout"])


@pytest.mark.parametrize("folder", NPM)
def test_what_npm_installs_is_locked(folder: str) -> None:
    """Every package of npm's stands there in one version, by hash and without a host; what is asked for is there."""
    text = (ROOT / folder / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    asked = json.loads((ROOT / folder / "package.json").read_text())["dependencies"]
    assert packages.pop("")["dependencies"] == asked
    assert {f"node_modules/{name}" for name in asked} <= packages.keys()
    for package in packages.values():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"])
    assert not re.search(r'://|"resolved"', text)
