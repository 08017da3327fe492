"""Every example is a folder with one script that can be read in a sitting, a README, and a picture or a table."""

import re
from pathlib import Path

import pytest
from runs import EXAMPLES

FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
OLDER = {"active_learning", "eos_copper", "shell_and_python"}  # longer than 120 lines
IDS = [path.name for path in FOLDERS]
DOCS = EXAMPLES.parent / "docs"


def test_all_of_them_are_found() -> None:
    assert {"argo_export", "md_ensemble", "neb", "notebook", "parameter_sweep", "slurm", *OLDER} <= set(IDS)


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_there_is_one_short_script(folder: Path) -> None:
    (script,) = (path for path in folder.iterdir() if path.suffix in (".py", ".ipynb"))
    if script.suffix == ".py" and folder.name not in OLDER:
        lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line.strip()]
        assert len(lines) < 120


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_its_readme_has_a_small_picture_or_a_table_and_says_what_to_change(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    for picture in pictures:
        content = (folder / picture).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 60_000, picture
    assert pictures or "\n|--" in text or "\n```console\n" in text
    assert f"examples/{folder.name}/" in text, "how to run it"
    assert "For your own:" in text
    assert "It needs " in text


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_the_index_has_it_with_its_picture(folder: Path) -> None:
    index = (DOCS / "examples.md").read_text(encoding="utf-8")
    assert f"`examples/{folder.name}/README.md`" in index
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for picture in re.findall(r"\(\.\./\.\./docs/(images/[^)]+)\)", readme):
        assert f"({picture})" in index
    title = readme.splitlines()[0].removeprefix("# ")
    assert f"\n## {title}\n" in index


def test_the_folders_hold_what_is_committed_and_nothing_of_a_run() -> None:
    kinds = {path.suffix for path in EXAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert kinds <= {".py", ".md", ".csv", ".txt", ".ipynb"}
    assert not list(EXAMPLES.rglob("status"))
