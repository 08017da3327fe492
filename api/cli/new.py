"""The verb ``new``: writes a package of OPs, with tests, that is ready to be changed."""

from __future__ import annotations

import contextlib
import importlib.util
import keyword
import re
import shlex
import sys
import time
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from dflow.cli.parsing import WrongOption
from dflow.cli.show import print_json, say
from dflow.engine.errors import StateError

if TYPE_CHECKING:
    import argparse

__all__ = ["new"]

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_LONGEST = 50  # lines of the package with its name stay within the length that its ruff allows
_FILES = {
    ".github/workflows/tests.yml": "tests.yml.txt",
    ".gitignore": "gitignore.txt",
    "README.md": "README.md.txt",
    "docs/ops.md": "ops.md.txt",
    "examples/find_minimum.py": "find_minimum.py.txt",
    "pyproject.toml": "pyproject.toml.txt",
    "src/{module}/__init__.py": "init.py.txt",
    "src/{module}/ops.py": "ops.py.txt",
    "src/{module}/workflow.py": "workflow.py.txt",
    "tests/test_ops.py": "test_ops.py.txt",
    "tests/test_workflow.py": "test_workflow.py.txt",
}


def new(options: argparse.Namespace) -> None:
    """Write the files of a package, and say what to do next.

    Raises:
        WrongOption: the name is none that a package can have.
        StateError: there is something in its place.
    """
    project = options.project
    if not _PROJECT.match(project):
        raise WrongOption(
            f"{project!r} is no name of a project: it must consist of letters, digits, '-', '_' and '.', and begin and "
            "end with a letter or digit; give another place with --dir"
        )
    if re.sub(r"[-_.]+", "-", project).lower() == "pydflow":
        raise WrongOption(f"{project!r} is what pip knows dflow itself by; give another name")
    module = options.name or re.sub(r"[-_.]+", "_", project).lower()
    _check_module(module)
    place: Path = options.dir or Path(project)
    files = _texts(project, module, options)
    _write(place, files)
    if options.json:
        print_json({"project": project, "module": module, "directory": str(place), "files": sorted(files)})
        return
    say(f"{place}: {len(files)} files; OPs are in src/{module}/ops.py")
    say(f"  cd {shlex.quote(str(place))}")
    say("  pip install -e '.[test]'")
    say("  pytest                            records outputs in tests/__dflow__ the first time; commit them")
    say("  python examples/find_minimum.py")


def _check_module(module: str) -> None:
    if not module.isidentifier() or not module.isascii() or keyword.iskeyword(module) or module.startswith("__"):
        raise WrongOption(f"{module!r} is no name that Python can import; give one with --name")
    if module == "tests":
        raise WrongOption("'tests' is the folder of the tests; give another name with --name")
    if module in sys.stdlib_module_names:
        raise WrongOption(f"{module!r} is a module of Python's own; give another name with --name")
    if len(module) > _LONGEST:
        raise WrongOption(f"{module!r} has more than {_LONGEST} letters; give a shorter name with --name")
    if _is_installed(module):
        raise WrongOption(f"{module!r} is installed already; give another name with --name")


def _is_installed(module: str) -> bool:
    """Whether there is such a module elsewhere than in the current directory; folders without code are none."""
    path, here = sys.path, ("", str(Path.cwd()))
    sys.path = [place for place in path if place not in here]
    try:
        spec = importlib.util.find_spec(module)
    finally:
        sys.path = path
    return spec is not None and spec.origin is not None


def _texts(project: str, module: str, options: argparse.Namespace) -> dict[str, str]:
    """The files, by their places in the project."""
    folder = Path(__file__).with_name("package_files")
    license_line = "" if options.license == "none" else f'license = "{options.license}"\nlicense-files = ["LICENSE"]\n'
    words = {
        "project": project,
        "module": module,
        "license_line": license_line,
        "year": time.strftime("%Y"),
        "holder": f"the authors of {project}",
    }
    chosen = dict(_FILES) if options.license == "none" else {**_FILES, "LICENSE": f"{options.license}.txt"}
    texts = {
        place.format(module=module): Template((folder / name).read_text(encoding="utf-8")).substitute(words)
        for place, name in chosen.items()
    }
    return {**texts, f"src/{module}/py.typed": ""}


def _write(place: Path, files: dict[str, str]) -> None:
    """Write them all, where nothing is yet; a folder that is empty, or holds only ``.git``, may be there."""
    try:
        there = sorted(entry.name for entry in place.iterdir() if entry.name != ".git") if place.exists() else []
    except OSError as exc:
        raise StateError(f"cannot write {place}: {exc.strerror}") from exc
    if there:
        raise StateError(f"{place} is there already, with {there[0]} in it; nothing was written")
    made: list[Path] = []
    try:
        for name, text in files.items():
            target = place / name
            made += [folder for folder in reversed(target.parents) if not folder.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            made.append(target)
            target.write_text(text, encoding="utf-8")
    except BaseException as exc:
        _remove(made)
        if isinstance(exc, OSError):
            raise StateError(f"cannot write {place}: {exc.strerror}; nothing of it was kept") from exc
        raise


def _remove(made: list[Path]) -> None:
    """Remove files and folders, the latest first; what cannot be removed stays."""
    for path in reversed(made):
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
