"""The rules of the image, read off the Dockerfile. `make image-check` runs its steps."""

import re

import pytest

from proxy import __version__
from tests.image.dockerfile import ROOT, Instruction, ours, parse

BUILD, FINAL = ours().stages


def test_both_stages_start_from_one_base_pinned_by_digest() -> None:
    """The base is Python 3.11 slim, named by digest: the same Dockerfile gives the same image next year."""
    assert BUILD.base == FINAL.base
    assert re.fullmatch(r"python:3\.11(\.\d+)?-slim@sha256:[0-9a-f]{64}", BUILD.base)


@pytest.mark.parametrize("keyword", ["ENTRYPOINT", "CMD", "HEALTHCHECK"])
def test_programs_are_started_without_a_shell(keyword: str) -> None:
    """SIGTERM reaches ifmatch itself: there is no shell and no init in between, and the probe needs none either."""
    assert FINAL.the(keyword).exec_form()[0] in {"ifmatch", "run"}


def test_the_container_runs_ifmatch() -> None:
    """Arguments of `docker run` replace the sub-command, never the program."""
    assert FINAL.the("ENTRYPOINT").exec_form() == ["ifmatch"]
    assert FINAL.the("CMD").exec_form() == ["run", "/etc/ifmatch/routes.yaml"]
    assert FINAL.the("HEALTHCHECK").exec_form() == ["ifmatch", "healthcheck"]
    assert FINAL.the("STOPSIGNAL").rest == "SIGTERM"


def test_the_user_is_a_number_and_not_root() -> None:
    """A cluster that enforces `runAsNonRoot` can tell from the image alone; nothing later switches back."""
    assert FINAL.the("USER").rest == "10001:10001"


def test_only_tmp_need_be_writable() -> None:
    """With a read-only root nothing fails: no byte code is written, no volume asked for, and work happens in /tmp."""
    assert FINAL.settings("ENV")["PYTHONDONTWRITEBYTECODE"] == "1"
    assert FINAL.the("WORKDIR").rest == "/tmp"  # noqa: S108 - the one folder that is writable
    assert not FINAL.all("VOLUME")


def test_both_ports_are_named() -> None:
    """Data and admin ports are part of the image's description."""
    assert FINAL.the("EXPOSE").rest.split() == ["8080", "9901"]


def test_the_labels_describe_this_version() -> None:
    """The OCI labels name licence, base and the version that is inside."""
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in FINAL.settings("LABEL").items()}
    assert labels.keys() == {"title", "description", "version", "licenses", "base.name"}
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"


def test_every_download_is_checked() -> None:
    """Each install either checks hashes from a lock file or reaches no index at all."""
    installs = [step.rest for step in BUILD.all("RUN") if " install " in step.rest or " wheel " in step.rest]
    assert len(installs) == 4
    assert all("--require-hashes" in step or "--no-index" in step for step in installs)


def test_nothing_of_the_build_is_left_in_the_image() -> None:
    """The final stage installs nothing: it takes one folder from the build, without pip and without the sources."""
    assert not FINAL.all("RUN")
    assert [step.rest for step in FINAL.all("COPY")] == ["--from=build /opt/ifmatch /opt/ifmatch"]


def test_the_build_sees_only_what_it_copies() -> None:
    """`.dockerignore` shuts out everything but the sources of COPY, so a secret lying about cannot get in."""
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {source for step in BUILD.all("COPY") for source in step.rest.split()[:-1]}
    assert "*" in rules
    assert allowed == copied


def test_continued_lines_and_comments_are_read_as_an_engine_reads_them() -> None:
    """A comment inside a continued instruction is dropped, the rest is one instruction."""
    stages = parse('ARG B=x:1\nFROM ${B} AS one\nRUN a \\\n# why\n    b\nENTRYPOINT ["c"]\n').stages
    assert stages[0].base == "x:1"
    assert stages[0].instructions == (Instruction("RUN", "a b"), Instruction("ENTRYPOINT", '["c"]'))


def test_shell_form_is_not_taken_for_exec_form() -> None:
    """`ENTRYPOINT ifmatch` would start a shell; it is not read as a list."""
    with pytest.raises(ValueError, match="not in exec form"):
        Instruction("ENTRYPOINT", "ifmatch").exec_form()
