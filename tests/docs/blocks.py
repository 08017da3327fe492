"""Runs the blocks of a page of documentation in order, in one fresh directory, and compares what they print.

``python tests/docs/blocks.py PAGE …`` does it by hand. In a page:

- ``python``: run as a script; one that begins with ``# name.py`` is written to that file instead.
- ``text`` behind it: what the script printed.
- ``console``: lines ``$ command``, each followed by what it prints; one followed by nothing is only run.
  ``> `` goes on with the command of the line above. ``cd`` and ``export`` hold for the rest of the page.
- ``bash``, ``sh``: run as a script, or written when it begins with ``# name.sh``.
- any other language: a file, named by ``# name.ext`` in the first line or by the comment ``<!-- file: name.ext -->``.

In what is shown ``…`` is any text, and an id with a digit in it (``train-f0ye4``) is any id, the same one
everywhere in a block. Comments above a block: ``<!-- needs: slurm -->``, ``<!-- not run: reason -->``,
``<!-- exits: 1 -->`` (a script that fails, or a command that fails and shows nothing), and ``<!-- goes on -->`` (a
script that begins with the script before it).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Block", "PageProblem", "Run", "blocks_of", "is_as_shown", "problems_of", "run_page"]

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>[^\s`]*)[^`]*$")
COMMENT = re.compile(r"<!--\s*(needs|not run|exits|file|goes on)(?::\s*(.*?))?\s*-->")
NAMED = re.compile(r"#\s*([\w./-]+\.\w+)\s*(?:\n|$)")
ID = re.compile(r"(?<=[a-z0-9]-)(?=[a-z]*\d)[a-z0-9]{5}\b(?!-)")
SERVICES = ("slurm", "ssh", "podman", "s3", "sge", "network")
SCRIPTS = {"python": "python", "bash": "bash -e", "sh": "sh -e"}
HAS_HASH_COMMENTS = ("python", "bash", "sh", "yaml", "toml", "ini", "dockerfile", "make")
KEPT = ("DFLOW_PROGRESS", "DFLOW_TEST_SERVICES")
SECONDS = 100


class PageProblem(AssertionError):
    """A block prints something else than the page shows, fails, or cannot be run."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: where it begins, from 1.
        language: the word behind the fence, ``""`` for none, ``{name}`` for a directive.
        text: what is in it, without indentation.
        says: what the comments above it say, such as ``{"needs": "slurm"}``.
        count: of how many blocks of the page it is made.

    """

    line: int
    language: str
    text: str
    says: dict[str, str] = field(default_factory=dict)
    count: int = 1

    @property
    def is_directive(self) -> bool:
        """A directive of the site, such as a table of contents: nothing to be run."""
        return self.language.startswith("{") and not self.language.startswith("{code")

    @property
    def file_name(self) -> str:
        """The file that it is written to; empty when it is run."""
        named = NAMED.match(self.text)
        return self.says.get("file") or (named[1] if named and self.language not in ("console", "text") else "")

    @property
    def content(self) -> str:
        """What is written: without the line of the name where that would not be a comment."""
        if "file" in self.says or not self.file_name or self.language in HAS_HASH_COMMENTS:
            return self.text
        return self.text.partition("\n")[2]


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page; ValueError where one does not end."""
    found, says, lines, number = [], {}, text.splitlines(), 0
    while number < len(lines):
        line, fence = lines[number], FENCE.match(lines[number])
        number += 1
        if fence is None:
            comments = COMMENT.findall(line)
            says = {**says, **dict(comments)} if comments else ({} if line.strip() else says)
            continue
        start, inside = number, []
        while number < len(lines) and not lines[number].strip().startswith(fence["ticks"]):
            inside.append(lines[number].removeprefix(fence["indent"]))
            number += 1
        if number == len(lines):
            raise ValueError(f"line {start}: the block does not end")
        number += 1
        found.append(Block(start, fence["language"], "".join(f"{item}\n" for item in inside), says))
        says = {}
    return found


def problems_of(blocks: list[Block]) -> list[str]:
    """What would be passed over if these blocks were run."""
    before: list[Block | None] = [None, *blocks]
    found = [(block, why_not(block, previous)) for previous, block in pairwise(before) if block]
    return [f"line {block.line}: {reason}" for block, reason in found if reason]


def why_not(block: Block, before: Block | None) -> str:
    """Why a block cannot be run, written or compared; empty if it can."""
    says = block.says
    if "not run" in says:
        return "" if len(says["not run"].split()) > 1 else "'not run' without a reason"
    if says.get("needs", SERVICES[0]) not in SERVICES:
        return f"no service {says['needs']!r}: {', '.join(SERVICES)}"
    if block.is_directive or block.file_name:
        return ""
    if block.language == "text":
        printed = before is not None and before.language in SCRIPTS and not before.file_name
        return "" if printed and "not run" not in before.says else "text that no script above it has printed"
    if block.language == "console":
        return "" if re.match(r"\$ \S", block.text) else "a console block begins with '$ command'"
    return "" if block.language in SCRIPTS else f"a block {block.language!r} without a name is neither run nor written"


def is_as_shown(shown: str, printed: str) -> bool:
    """Whether a program printed what a page shows."""
    pattern, last, ids = "", 0, {}
    shown = tidy(shown)
    for found in ID.finditer(shown):
        pattern += re.escape(shown[last : found.start()])
        known = ids.get(found[0])
        name = ids.setdefault(found[0], f"id{len(ids)}")
        pattern += f"(?P={name})" if known else f"(?P<{name}>[a-z0-9]{{5}})"
        last = found.end()
    pattern += re.escape(shown[last:])
    return re.fullmatch(pattern.replace("…", ".*?"), tidy(printed), re.DOTALL) is not None


def tidy(text: str) -> str:
    """The text without spaces at the ends of lines, and without empty lines at its ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def is_telling(shown: str) -> bool:
    """Whether what is shown says more than that anything may be printed."""
    return bool(shown.replace("…", "").strip())


def commands_of(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, and what each prints."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (found[-1][0] + line[2:], "")
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


PLUGIN = (
    {}
    if any(entry.value == "dflow.testing.plugin" for entry in entry_points(group="pytest11"))
    else {"PYTEST_PLUGINS": "dflow.testing.plugin"}
)
"""What has pytest load our plugin where dflow is not installed."""


class Run:
    """A fresh directory for the blocks of a page; a context manager that ends what they leave running."""

    def __init__(self, folder: Path, variables: dict[str, str] | None = None) -> None:
        self.folder = folder / "page"
        self._tools = folder / "tools"
        self._script = ""
        self._printed = ""
        self._groups: list[int] = []
        for made in (self.folder, self._tools / "bin", folder / "home", folder / "tmp"):
            made.mkdir(parents=True, exist_ok=made == self.folder)
        for name, words in {"dflow": "-m dflow.cli", "pytest": "-m pytest", "python": "", "python3": ""}.items():
            tool = self._tools / "bin" / name
            tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', encoding="utf-8")
            tool.chmod(0o755)
        known = {name: value for name, value in os.environ.items() if not name.startswith("DFLOW_") or name in KEPT}
        for name in ("CI", "COLUMNS"):  # a page shows what its reader's terminal prints
            known.pop(name, None)
        self._environment = {
            "DFLOW_PROGRESS": "none",
            **known,
            "HOME": str(folder / "home"),
            "NO_COLOR": "1",
            "PATH": f"{self._tools / 'bin'}{os.pathsep}{known['PATH']}",
            **PLUGIN,
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "",
            "STATE": str(self._tools),
            "TMPDIR": str(folder / "tmp"),
            **(variables or {}),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    @property
    def here(self) -> Path:
        """The directory that the commands so far have changed to."""
        kept = self._tools / "here"
        return Path(kept.read_text(encoding="utf-8").rstrip("\n")) if kept.exists() else self.folder

    def do(self, block: Block) -> None:
        """Write, run or compare a block; PageProblem where the page does not say what is so."""
        try:
            self._do(block)
        except PageProblem as error:
            raise PageProblem(f"line {block.line}: {error}") from None

    def _do(self, block: Block) -> None:
        if block.file_name:
            file = self.here / block.file_name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.content, encoding="utf-8")
        elif block.language == "text":
            compare("the script", block.text, self._printed)
        elif block.language == "console":
            for command, shown in commands_of(block.text):
                status, printed = self._shell(command)
                if shown:
                    compare(f"$ {command.rstrip()}", shown, printed)
                if not is_telling(shown):
                    check_status(f"$ {command.rstrip()}", status, printed, block)
        else:
            going_on = "goes on" in block.says and block.language == "python"
            self._script = f"{self._script}\n{block.text}" if going_on else block.text
            script = self.here / "script.py"
            script.write_text(self._script, encoding="utf-8")
            status, self._printed = self._shell(f"{SCRIPTS[block.language]} script.py")
            script.unlink(missing_ok=True)
            check_status("the script", status, self._printed, block)

    def _shell(self, command: str) -> tuple[int, str]:
        """Status and output of a command that is run behind those before it."""
        script = (
            'test ! -e "$STATE/kept" || . "$STATE/kept"\n'
            'trap \'export -p >"$STATE/kept"; pwd >"$STATE/here"\' EXIT\n'
            f"{command}"
        )
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.here,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            try:
                status = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = -1
            output.seek(0)
            printed = output.read().decode(errors="replace")
        if status == -1:
            raise PageProblem(f"{command.rstrip()} did not end in {SECONDS} s; it printed:\n{printed}")
        return status, printed


def compare(what: str, shown: str, printed: str) -> None:
    """PageProblem if a program printed something else than is shown."""
    if not is_as_shown(shown, printed):
        raise PageProblem(f"{what} printed:\n{printed}\nbut the page shows:\n{shown}")


def check_status(what: str, status: int, printed: str, block: Block) -> None:
    """PageProblem if a program ended otherwise than the page says."""
    if status != int(block.says.get("exits", "0")):
        raise PageProblem(f"{what} exited {status} and printed:\n{printed}")


def joined(blocks: list[Block]) -> list[Block]:
    """The blocks that are run, where a script that goes on in the next one is a part of that."""
    found: list[Block] = []
    for block in blocks:
        if block.is_directive or "not run" in block.says:
            continue
        before = found[-1] if found else None
        if before and before.language == "python" and "goes on" in block.says and not before.file_name:
            says = {name: said for name, said in block.says.items() if name != "goes on"} | before.says
            found[-1] = replace(block, text=f"{before.text}\n{block.text}", says=says, count=before.count + 1)
        else:
            found.append(block)
    return found


def run_page(text: str, folder: Path, services: tuple[str, ...] = (), variables: dict[str, str] | None = None) -> int:
    """Run the blocks of a page that need none but these services, with these variables; how many that were."""
    blocks = blocks_of(text)
    if problems := problems_of(blocks):
        raise PageProblem("; ".join(problems))
    done = 0
    with Run(folder, variables) as run:
        for block in joined(blocks):
            if block.says.get("needs") in (None, *services):
                run.do(block)
                done += block.count
    return done


def main(pages: list[str]) -> int:
    """Run pages by hand: ``blocks.py PAGE … [SERVICE …]``; the number of pages with a problem."""
    services = tuple(word for word in pages if word in SERVICES)
    failed = 0
    for page in [word for word in pages if word not in SERVICES]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                count = run_page(Path(page).read_text(encoding="utf-8"), Path(folder), services)
            except (PageProblem, ValueError) as error:
                failed += 1
                print(f"{page}: {error}")
            else:
                print(f"{page}: {count} blocks")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
