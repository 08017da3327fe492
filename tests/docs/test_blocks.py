"""Every block of every page is run by something, or says why not; and the runner notices what is wrong."""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from blocks import SERVICES, PageProblem, blocks_of, is_as_shown, problems_of, run_page
from needed import need

ROOT = Path(__file__).parents[2]
PAGES = {
    file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8")
    for file in sorted([*ROOT.glob("README.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
    if "_build" not in file.parts
}
# Pages with blocks that need more around them than a directory: the tests that run them, all of them.
OWN = {
    "README.md": ("test_readme.py", "test_python_block_runs", "test_failure_looks_as_the_readme_says"),
    "docs/argo-server.md": ("test_pages.py", "test_what_argo_server_md_shows_sends_a_workflow"),
    "docs/executors.md": ("test_executors_page.py", "test_what_executors_md_shows_is_so"),
}
OF_THE_README = {  # how its other blocks begin: the tests that run or compare them, or why nothing does
    "python3 -m venv": "test_command_stands_on_a_line_of_its_own",  # which .ci/run executes
    "Workflow is running locally": "test_failure_looks_as_the_readme_says",
    "dflow export": "test_quick_start_is_exported_checked_and_run_as_a_manifest",
    "dflow watch": "needs a terminal and a browser; tests/terminal and tests/ui run these verbs",
    " your script": "a drawing",
}
SERVICE_CLASSES = {
    "podman": ("image", ""),
    "s3": ("s3_server", "S3Server"),
    "sge": ("sge", "SgeService"),
    "slurm": ("slurm", "SlurmService"),
    "ssh": ("sshd", "SshService"),
}
RUN = [name for name in PAGES if name not in OWN and blocks_of(PAGES[name])]


def needs_of(page: str) -> list[str]:
    """The services that blocks of a page need."""
    blocks = [block for block in blocks_of(PAGES[page]) if "not run" not in block.says]
    return sorted({block.says["needs"] for block in blocks if "needs" in block.says})


def cases() -> list[object]:
    """Each page without services, and with each that it needs."""
    marks = {service: getattr(pytest.mark, service) for service in SERVICE_CLASSES}
    plain = [pytest.param(page, None, id=page) for page in RUN]
    return plain + [
        pytest.param(page, service, id=f"{page}-{service}", marks=marks.get(service, ()))
        for page in RUN
        for service in needs_of(page)
    ]


def started(service: str | None, folder: Path) -> AbstractContextManager[object]:
    """The service, as it is for the tests of executors and stores."""
    if service in (None, "network"):
        return nullcontext()
    module, name = SERVICE_CLASSES[service]
    found = importlib.import_module(module)
    need(found.why_not())
    if service == "podman":
        found.make_image()
        return nullcontext()
    return getattr(found, name)(folder) if service == "ssh" else getattr(found, name)()


def variables_of(service: str | None, server: Any) -> dict[str, str]:
    """What tells dflow of the service that was started for a page."""
    if service != "s3":
        return {}
    keys = {"ACCESS_KEY": server.access_key, "SECRET_KEY": server.secret_key, "ENDPOINT": server.endpoint}
    return {f"DFLOW_S3_{name}": value for name, value in keys.items()}


@pytest.mark.docs
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("page", "service"), cases())
def test_what_the_page_shows_is_so(page: str, service: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    if page.startswith("examples/"):  # as in a clone
        (folder / "page").mkdir(parents=True)
        (folder / "page" / "examples").symlink_to(ROOT / "examples")
    with started(service, tmp_path) as server:
        done = run_page(PAGES[page], folder, (service,) if service else (), variables_of(service, server))
    if service is None:
        wanted = [b for b in blocks_of(PAGES[page]) if not b.is_directive and not {"not run", "needs"} & set(b.says)]
        assert done == len(wanted)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OWN])
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    assert problems_of(blocks_of(PAGES[page])) == []


@pytest.mark.parametrize("page", OWN)
def test_pages_with_tests_of_their_own_have_them(page: str) -> None:
    file, *names = OWN[page]
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    assert [name for name in names if f"def {name}(" not in text] == []
    others = [b for b in blocks_of(PAGES[page]) if b.language != "python" and "not run" not in b.says]
    known = OF_THE_README if page == "README.md" else ()
    assert [block.text for block in others if not block.text.startswith(tuple(known))] == []


@pytest.mark.parametrize("start", OF_THE_README)
def test_blocks_of_the_readme_have_tests_or_a_reason(start: str) -> None:
    blocks = [block for block in blocks_of(PAGES["README.md"]) if block.text.startswith(start)]
    assert blocks
    text = Path(__file__).with_name("test_readme.py").read_text(encoding="utf-8")
    assert f"def {OF_THE_README[start]}(" in text or " " in OF_THE_README[start]


def problem_of(page: str, folder: Path) -> str:
    """What the runner says of a page; empty if nothing."""
    try:
        run_page(page, folder)
    except (PageProblem, ValueError) as error:
        return str(error)
    return ""


SCRIPT = "```python\nprint('a'); print('b')\n```\n"
CONSOLE = "```console\n$ {}\n{}```\n"


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (f"{SCRIPT}```text\na\nb\n```\n", ""),
        (f"{SCRIPT}\nwords\n\n```text\n…b\n```\n", ""),
        (f"{SCRIPT}```text\na\n```\n", "line 4: the script printed"),
        (f"{SCRIPT}```text\na\nb\nc\n```\n", "line 4: the script printed"),
        (CONSOLE.format("echo a", "b\n"), "$ echo a printed:\na\n"),
        (CONSOLE.format("echo a", ""), ""),
        (CONSOLE.format("echo a >&2", "a\n"), ""),
        (CONSOLE.format("echo a; exit 3", "a\n"), ""),
        (CONSOLE.format("echo a; exit 3", "…\n"), "$ echo a; exit 3 exited 3"),
        (CONSOLE.format("exit 3", ""), "exited 3"),
        (CONSOLE.format("cd /\n$ export A=b\n$ pwd; echo $A", "/\nb\n"), ""),
        (CONSOLE.format("echo a \\\n> b\na b\n$ echo c", "d\n"), "$ echo c printed:\nc\n"),
        (CONSOLE.format("sleep 60 &", "") + CONSOLE.format("echo a", "a\n"), ""),
        ("```console\necho a\n```\n", "a console block begins with '$ command'"),
        ("```python\nraise SystemExit(2)\n```\n", "the script exited 2"),
        ("<!-- exits: 2 -->\n\n```python\nraise SystemExit(2)\n```\n", ""),
        ("<!-- exits: 2 -->\n```python\n```\n", "the script exited 0"),
        ("<!-- exits: 2 -->\nwords\n\n```python\nraise SystemExit(2)\n```\n", "the script exited 2"),
        ("```python\n# no/such.py\nraise SystemExit(2)\n```\n" + CONSOLE.format("cat no/such.py", "…(2)\n"), ""),
        ("```csv\n# a.csv\nx,y\n```\n" + CONSOLE.format("cat a.csv", "x,y\n"), ""),
        ("<!-- file: a.json -->\n```json\n{}\n```\n" + CONSOLE.format("cat a.json", "{{}}\n".format()), ""),
        ("```python\na = 1\n```\n<!-- goes on -->\n```python\nprint(a)\n```\n```text\n1\n```\n", ""),
        ("```python\nprint(1)\n```\n<!-- goes on -->\n```python\nprint(2)\n```\n```text\n1\n2\n```\n", ""),
        (f"{SCRIPT}```text\na\nb\n```\n<!-- goes on -->\n```python\nprint('c')\n```\n```text\na\nb\nc\n```\n", ""),
        ("```python\na = 1\n```\n```python\nprint(a)\n```\n", "NameError"),
        ("- a list\n\n  ```python\n  if True:\n      print(1)\n  ```\n\n  ```text\n  1\n  ```\n", ""),
        ("```yaml\na: 1\n```\n", "a block 'yaml' without a name is neither run nor written"),
        ("```\na\n```\n", "a block '' without a name"),
        ("```{code-block} python\n1/0\n```\n", "a block '{code-block}' without a name"),
        ("```text\na\n```\n", "text that no script above it has printed"),
        ("```python\n# a.py\n```\n```text\na\n```\n", "text that no script above it has printed"),
        ("<!-- not run: a cluster is needed -->\n```bash\nexit 1\n```\n", ""),
        ("<!-- not run: -->\n```bash\nexit 1\n```\n", "'not run' without a reason"),
        ("<!-- needs: slurm -->\n```bash\nexit 1\n```\n", ""),
        ("<!-- needs: magic -->\n```bash\nexit 1\n```\n", "no service 'magic'"),
        ("```bash\nfalse\ntrue\n```\n", "the script exited 1"),
        ("```python\nprint(1)\n", "line 1: the block does not end"),
        ("````md\n```python\n```\n````\n", "a block 'md' without a name"),
        ("```{toctree}\na\n```\n", ""),
    ],
)
def test_the_runner_notices_what_is_wrong(page: str, problem: str, tmp_path: Path) -> None:
    said = problem_of(page, tmp_path / "run")
    assert problem in said
    assert bool(said) == bool(problem), said


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("wf-a1cde\n", "wf-x1y2z\n", True),
        ("wf-a1cde wf-a1cde", "wf-x1y2z wf-x1y2z", True),
        ("wf-a1cde wf-a1cde", "wf-x1y2z wf-00000", False),
        ("wf-a1cde wf-b1cde", "wf-x1y2z wf-00000", True),
        ("my-right\n", "my-wrong\n", False),
        ("eos-copper-a1cde", "eos-copper-zzzzz", True),
        ("eos-copper-a1cde", "eos-silver-zzzzz", False),
        ("a\n…\nb\n", "a\n1\n2\nb\n", True),
        ("a … b\n", "a\n", False),
        ("a  \n", "a\n\n", True),
        ("Succeeded\n", "Failed\n", False),
        ("", "more\n", False),
        ("1.5\n", "1x5\n", False),
    ],
)
def test_comparison_of_what_is_shown(shown: str, printed: str, same: bool) -> None:
    assert is_as_shown(shown, printed) is same


def test_a_page_leaves_nothing_running(tmp_path: Path) -> None:
    seconds = f"61.{os.getpid()}"
    run_page(CONSOLE.format(f"sleep {seconds} & echo begun", "begun\n"), tmp_path / "run")
    end = time.monotonic() + 10
    while is_running(seconds) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_running(seconds)


def is_running(word: str) -> bool:
    """Whether a process has a word in its command line."""
    found = False
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found = found or word.encode() in file.read_bytes()
    return found


def test_every_service_has_a_marker(pytestconfig: pytest.Config) -> None:
    known = [line.partition(":")[0] for line in pytestconfig.getini("markers")]
    assert [name for name in SERVICES if name != "network" and name not in known] == []
    assert re.search(r"^  \"docs: ", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
