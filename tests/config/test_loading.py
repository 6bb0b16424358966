"""From a file, options and variables to settings, or to every mistake there is."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import ConfigurationError, OnStoreFailure, Settings, TlsFiles, load
from proxy.core.address import TcpAddress
from proxy.core.preconditions import Require
from proxy.core.route import Guard, Unmatched
from proxy.core.store_address import MEMORY

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```(?:\n\ngives\n\n```text\n(.*?)```)?", GUIDE, re.DOTALL)

FIVE = """\
# yaml-language-server: $schema=schema.json
upstream: http://127.0.0.1:9000
unmatched: gaurd
drain: 20
routes:
  - path: /wiki/{id}
    guard: off
    timeouts: {perform: 20s, select: 5s}
    lock:
      write: 30s
      waiter: 10
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory, so that messages hold short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str, flags: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a file `f.yaml` in the working directory."""
    Path("f.yaml").write_text(text, encoding="utf-8")
    return load("f.yaml", flags=flags or {}, environ=environ or {})


def problems(text: str, flags: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(text, flags, environ)
    return caught.value.problems


def outcome(file: str, flags: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a file, nothing where it loads."""
    try:
        load(file, flags=flags, environ={})
    except ConfigurationError as mistakes:
        return mistakes.problems
    return []


@pytest.mark.usefixtures("folder")
def test_five_mistakes_are_told_at_once_with_line_and_column() -> None:
    """A wrong word, a missing unit, a trap of YAML, a lease too short, a misspelt key: each where it stands."""
    assert problems(FIVE) == [
        "f.yaml:3:12: unmatched: found \"gaurd\"; expected 'relay', 'guard' or 'reject'; did you mean 'guard'?",
        (
            "f.yaml:4:8: drain: found the number 20; expected a duration such as 250ms, 5s or 1m; "
            "a bare number has no unit: write 20s"
        ),
        (
            "f.yaml:7:12: routes[0].guard: found false, which is how YAML reads a bare off; "
            "expected 'enforce', 'report' or 'off'; write \"off\" in quotes"
        ),
        (
            "f.yaml:10:14: routes[0].lock.write: found 30s; expected at least 45s "
            "(timeouts.perform + timeouts.settle + 5s), or no value at all"
        ),
        "f.yaml:11:7: routes[0].lock.waiter: unknown key; did you mean waiters?",
    ]


@pytest.mark.usefixtures("folder")
def test_mistakes_of_every_step_are_told_together() -> None:
    """YAML, variables in text, single values, combinations and the environment, in the order of the file."""
    text = "store: ${NONE}\ndrain: *x\nadmin: 5s\nadmin: 6s\nlisten: ':1'\nupstream: http://localhost:1\nroutes: [{}]\n"
    told = problems(text + "tls: {certificate: a, key: a}", environ={"IFMATCH_UNMATCHED": "x"})
    starts = [
        "f.yaml:1:8: store: the variable NONE is not set",
        "f.yaml:2:8: drain: found the alias",
        'f.yaml:3:8: admin: found "5s"',
        "f.yaml:4:1: admin: duplicate key",
        "f.yaml:7:10: routes[0].path: this key is required",
        'f.yaml:8:20: tls.certificate: the file "a" cannot be read',
        'f.yaml:8:28: tls.key: the file "a" cannot be read',
        'environment: IFMATCH_UNMATCHED: unmatched: found "x"',
    ]
    assert [problem[: len(start)] for problem, start in zip(told, starts, strict=True)] == starts


@pytest.mark.usefixtures("folder")
def test_a_conclusion_from_a_mistake_is_not_told() -> None:
    """The lease would be too short for the default time-out; but the time-out is not the default, it is a mistake."""
    told = problems("upstream: http://o\nroutes: [{path: /, timeouts: {perform: 5}, lock: {write: 30s}}]")
    assert [problem.split(": ")[1] for problem in told] == ["routes[0].timeouts.perform"]


def test_without_a_file_everything_is_guarded() -> None:
    """An upstream is all that is needed."""
    settings = load(None, flags={"upstream": "http://o:9000"}, environ={})
    assert settings.upstream.authority == "o:9000"
    assert (settings.routes.routes, settings.routes.unmatched) == ((), Unmatched.GUARD)
    assert (settings.listen, settings.admin) == (TcpAddress("127.0.0.1", 8080), TcpAddress("127.0.0.1", 9901))
    assert (settings.store, settings.on_store_failure, settings.workers) == (MEMORY, OnStoreFailure.REFUSE, 1)
    assert (settings.tag_key, settings.tls, settings.trusted_peers) == ("", None, ())
    assert (settings.drain, settings.connections, settings.source) == (20, 1024, "command line")


def test_without_a_file_and_an_upstream_nothing_goes() -> None:
    """The one line says what is missing and how to give it."""
    with pytest.raises(ConfigurationError) as caught:
        load(None, flags={}, environ={})
    assert caught.value.problems == [
        (
            "command line: upstream: this key is required, here or as --upstream or IFMATCH_UPSTREAM: "
            "The origin server: http://host[:port], https://host[:port] or unix:/path."
        )
    ]


@pytest.mark.usefixtures("folder")
def test_option_variable_file_default() -> None:
    """Each goes before the next."""
    text, environ, flags = "upstream: http://file", {"IFMATCH_UPSTREAM": "http://env"}, {"upstream": "http://option"}
    assert loaded(text).upstream.authority == "file"
    assert loaded(text, {}, environ).upstream.authority == "env"
    assert loaded(text, flags, environ).upstream.authority == "option"
    assert loaded(text).listen == TcpAddress("127.0.0.1", 8080)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("value", ["${NONE}", "*x", "off", "ftp://x"])
def test_what_is_overridden_is_not_looked_at(value: str) -> None:
    """A file that is made for another place can be used here; that it is sound YAML is asked all the same."""
    text, flags = f"upstream: {value}", {"upstream": "http://option"}
    if value == "*x":
        assert len(problems(text, flags)) == 1
    else:
        assert loaded(text, flags).upstream.authority == "option"


@pytest.mark.usefixtures("folder")
def test_an_override_is_blamed_by_its_name() -> None:
    """Nobody is sent to a line of the file that says something else."""
    told = problems("upstream: http://o", {"listen": "x", "admin": "y"}, {"IFMATCH_STORE": "redis://:pw@h/x"})
    assert [problem.partition(" found")[0] for problem in told] == [
        "command line: --listen: listen:",
        "command line: --admin: admin:",
        "environment: IFMATCH_STORE: store:",
    ]
    assert "pw" not in "".join(told)


@pytest.mark.usefixtures("folder")
def test_a_file_says_everything() -> None:
    """All keys at the top arrive."""
    Path("pem").touch()
    settings = loaded(
        "listen: ':1'\nadmin: 'off'\nupstream: unix:/o\ntag_key: '${KEY}'\ntls: {certificate: pem, key: pem}\n"
        "unmatched: reject\ntrusted_peers: [10.0.0.0/8]\ndrain: 5s\nconnections: 7\nroutes: [{path: /, guard: 'off'}]",
        environ={"KEY": "secret"},
    )
    assert (settings.listen, settings.admin) == (TcpAddress("", 1), None)
    assert (settings.tag_key, settings.tls) == ("secret", TlsFiles("pem", "pem"))
    assert (settings.routes.unmatched, settings.trusted_peers) == (Unmatched.REJECT, (ip_network("10.0.0.0/8"),))
    assert (settings.drain, settings.connections, settings.source) == (5, 7, "f.yaml")
    assert settings.routes.routes[0].guard is Guard.OFF


@pytest.mark.usefixtures("folder")
def test_a_fleet_is_told_by_variables() -> None:
    """A deployment can take the file of one process and say the rest itself."""
    Path("secret").write_text("redis://:pw@h/1\n", encoding="utf-8")
    environ = {"IFMATCH_STORE_FILE": "secret", "IFMATCH_WORKERS": "4", "IFMATCH_ON_STORE_FAILURE": "local"}
    settings = loaded("upstream: http://o\nstore: memory://", environ=environ)
    assert (str(settings.store), settings.store.password) == ("redis://h:6379/1", "pw")
    assert (settings.workers, settings.on_store_failure) == (4, OnStoreFailure.LOCAL)


@pytest.mark.usefixtures("folder")
def test_a_store_that_was_not_mounted_is_told_once() -> None:
    """Neither is the file's own store taken instead, nor is concluded that there is none."""
    environ = {"IFMATCH_STORE_FILE": "none", "IFMATCH_WORKERS": "4"}
    assert problems("upstream: http://o\nstore: redis://h", environ=environ) == [
        "environment: IFMATCH_STORE_FILE: store: the file cannot be read: No such file or directory"
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"IFMATCH_WORKERS": "04"}, 'workers: found "04"; expected a whole number in plain digits'),
        ({"IFMATCH_WORKERS": "65"}, "workers: found the number 65; expected at most 64"),
        ({"IFMATCH_STORE_FILE": "secret"}, "store: found a value (not shown); expected memory://, "),
        ({"IFMATCH_STORE": "rediss://:hunter2@h?ca=none"}, 'store: ca: the file "none" cannot be read: No such file'),
        ({"IFMATCH_WORKERS": "2"}, "workers: 2 processes would not know of each other's writers in memory://; name"),
    ],
)
def test_a_mistake_in_a_variable_names_it(environ: Mapping[str, str], told: str) -> None:
    """And shows no password, be it all that the file of a secret holds."""
    Path("secret").write_text("hunter2", encoding="utf-8")
    (problem,) = problems("upstream: http://o", environ=environ)
    assert problem.startswith(f"environment: {next(iter(environ))}: {told}")
    assert "hunter2" not in problem


def test_files_are_found_beside_the_configuration(folder: Path) -> None:
    """A relative name does not depend on where the program was started."""
    (folder / "etc").mkdir()
    (folder / "etc" / "pem").touch()
    (folder / "etc" / "c.yaml").write_text("upstream: http://o\ntls: {certificate: pem, key: pem}", encoding="utf-8")
    settings = load("etc/c.yaml", flags={"store": "rediss://h?ca=pem"}, environ={})
    assert settings.tls == TlsFiles("etc/pem", "etc/pem")
    assert settings.store.ca == "etc/pem"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("text", "told"), BLOCKS, ids=range(len(BLOCKS)))
def test_the_guide_is_true(text: str, told: str) -> None:
    """Every configuration in docs/configuration.md loads, or gives exactly what the guide says it gives."""
    Path("ifmatch.yaml").write_text(text, encoding="utf-8")
    assert outcome("ifmatch.yaml", {} if "upstream:" in text else {"upstream": "http://o"}) == told.splitlines()


def test_the_guide_has_examples() -> None:
    """The test above is not empty, and one of its examples is of mistakes."""
    assert len(BLOCKS) >= 8
    assert len([told for _, told in BLOCKS if told]) == 1


def test_the_first_example_is_the_file_in_the_repository() -> None:
    """The guide and config/routes.yaml show the same smallest configuration."""
    smallest = load(str(ROOT / "config" / "routes.yaml"), flags={}, environ={})
    assert smallest.routes.routes[0].policy.require is Require.EXISTING
    assert re.sub(r" *#.*", "", (ROOT / "config" / "routes.yaml").read_text(encoding="utf-8")).split() == (
        BLOCKS[0][0].split()
    )


LINES = FIVE.splitlines(keepends=True)


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_any_mixture_of_lines_is_loaded_or_told(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    """Whatever is left of a file that was edited badly, the answer is settings or lines with positions."""
    file = tmp_path_factory.mktemp("mixed") / "f.yaml"
    file.write_text("".join(lines), encoding="utf-8")
    pattern = re.compile(rf"{re.escape(str(file))}:\d+:\d+: \S+: .+")
    assert all(pattern.fullmatch(problem) for problem in outcome(str(file), {}))
