"""What is said of the machine and the programs is so, and what is missing comes with its remedy."""

import os
import platform
from importlib import metadata

import pytest

from bench.machine import Missing, here, processor, program, versions


def test_the_machine() -> None:
    """Its cores are those that may be used."""
    machine = here()
    assert machine.cores == len(os.sched_getaffinity(0))
    assert machine.processor
    assert platform.release().startswith(machine.kernel.split(" ")[1])


@pytest.mark.parametrize(
    ("text", "model"),
    [("processor\t: 0\nmodel name\t: A B  \nprocessor\t: 1\n", "A B"), ("processor: 0\n", platform.machine())],
)
def test_the_processor(text: str, model: str) -> None:
    """It is what /proc/cpuinfo calls it, where that does."""
    assert processor(text) == model


def test_the_versions() -> None:
    """Of the interpreter, and of packages as they are installed."""
    assert versions("python", "aiohttp") == {
        "python": platform.python_version(),
        "aiohttp": metadata.version("aiohttp"),
    }


@pytest.mark.parametrize("name", ["wrk", "some-server"])
def test_a_missing_program_names_the_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nothing is left out without a word."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(Missing, match=f"{name} is missing; run: apt-get install -y {name}"):
        program(name)


def test_a_missing_package_names_the_command() -> None:
    """Likewise."""
    with pytest.raises(Missing, match="make test"):
        versions("no-such-package-of-ours")
