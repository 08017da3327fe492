"""Images for podman that are made here, and podman in the place of a docker daemon."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from needed import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CONFIGURATION",
    "IMAGE",
    "containers",
    "docker_socket",
    "make_image",
    "make_old_image",
    "make_sif",
    "podman",
    "why_not",
]

IMAGE = "localhost/dflow-tests:1"
SCRIPT = Path(__file__).with_name("image.sh")
CONFIGURATION = Path(__file__).with_name("containers.conf")


def why_not() -> str:
    """Why there can be no containers here; empty if there can."""
    return lacking("a container", ("podman", "runc", "dpkg-deb"))


def podman(*words: str) -> str:
    """What podman says; fails when it fails."""
    done = subprocess.run(("podman", *words), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"podman {' '.join(words)}: {done.stderr}"
    return done.stdout


def make_image() -> str:
    """The image with Python 3.11 and without dflow."""
    _run("make", IMAGE)
    return IMAGE


def make_old_image(version: str) -> str | None:
    """The image with an older Python, of which this machine must have a copy; None where it has none."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*"))
    if not found:
        return None
    name = f"localhost/dflow-tests-python:{version}"
    make_image()
    _run("python", name, IMAGE, str(found[-1]))
    return name


def make_sif(image: str, folder: Path) -> Path:
    """An image as a file of Apptainer's."""
    archive, made = folder / "image.tar", folder / "image.sif"
    podman("save", "-q", image, "-o", str(archive))
    done = subprocess.run(
        ("apptainer", "-q", "build", made, f"docker-archive:{archive}"), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return made


def containers(run: Path | None = None) -> list[str]:
    """The names of containers that there are, of a run or of any, those that have ended among them."""
    return podman(
        "ps", "-a", "--format", "{{.Names}}", "--filter", f"label=dflow.run{f'={run}' if run else ''}"
    ).split()


@contextmanager
def docker_socket(folder: Path) -> Iterator[str]:
    """The address for docker's client at which podman answers."""
    socket = folder / "podman.sock"
    server = subprocess.Popen((str(SCRIPT), "serve", str(socket)), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if socket.exists():
                break
            time.sleep(0.05)
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()


def _run(*words: str) -> None:
    done = subprocess.run((str(SCRIPT), *words), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"image.sh {words[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}"
