"""Run the Dockerfile's build steps in an empty folder, then the program the way the image starts it.

For machines without a container engine: `make image-check`. Paths below `/opt` and the working folder are moved below
the empty folder; the interpreter stands in for the base image's. It downloads what the lock file names, so it is not
part of `make test`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.image.dockerfile import ROOT, Instruction, ours


def run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a shell command and return what it printed. Raised when it fails: CalledProcessError."""
    sys.stderr.write(f"+ {command}\n")
    shell = ["/bin/sh", "-c", command]
    return subprocess.run(shell, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


def make_base(root: Path) -> Mapping[str, str]:
    """Make what stands in for the base image, an interpreter with pip, and return the environment that finds it."""
    make = '. .ci/python && "$python" -m venv --without-pip --system-site-packages'
    run(f"{make} {root}/base", ROOT, os.environ)
    return {**os.environ, "PATH": f"{root}/base/bin:{os.environ['PATH']}"}


def copy(step: Instruction, source: Path, folder: Path) -> None:
    """Do what COPY does, for files and folders named without wildcards."""
    *names, target = step.rest.split()
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / target).mkdir(exist_ok=True)
            shutil.copy(source / name, folder / target)


def build(root: Path) -> None:
    """Run the build stage; its result is `opt/ifmatch` below `root`."""
    stage = ours().stages[0]
    environment = {**make_base(root), **stage.settings("ENV")}
    folder = root / "src"
    folder.mkdir()
    for step in stage.instructions:
        if step.keyword == "COPY":
            copy(step, ROOT, folder)
        elif step.keyword == "RUN":
            run(step.rest.replace("/opt/", f"{root}/opt/"), folder, environment)


def state(folder: Path) -> dict[Path, int]:
    """Return every file below the folder with the time of its last change."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def start(root: Path) -> None:
    """Start the program as the image does. Raised when it writes below its own folder: RuntimeError."""
    stage = ours().stages[1]
    folder = root / "opt/ifmatch"
    environment = {**stage.settings("ENV"), "PATH": f"{folder}/bin"}
    before = state(folder)
    version = run(f"{stage.the('ENTRYPOINT').exec_form()[0]} version", root, environment)
    if state(folder) != before:
        message = "the program wrote into its own folder; a read-only root would stop it"
        raise RuntimeError(message)
    sys.stderr.write(f"The image would say: {version}")


def main() -> None:
    """Build and start in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ifmatch-image-") as name:
        build(Path(name))
        start(Path(name))


if __name__ == "__main__":
    main()
