"""The shell-and-Python example counts what a direct count of the same texts gives."""

import collections
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "shell_and_python" / "shell_and_python.py"
SHORTEST, NUMBER = 4, 8  # the defaults of the example


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example ran, with what it printed in `output`."""
    folder = tmp_path_factory.mktemp("words")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (folder / "output").write_text(done.stdout, encoding="utf-8")
    return folder


def count_directly() -> collections.Counter[str]:
    text = " ".join(path.read_text(encoding="utf-8") for path in sorted((EXAMPLE.parent / "corpus").glob("*.txt")))
    return collections.Counter(word for word in re.findall("[a-z]+", text.lower()) if len(word) >= SHORTEST)


def test_chart_shows_the_most_frequent_words_with_their_counts(folder: Path) -> None:
    expected = sorted(count_directly().items(), key=lambda item: (-item[1], item[0]))[:NUMBER]
    bars = (folder / "chart.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert [(word, int(count), len(bar)) for word, count, bar in map(str.split, bars)] == [
        (word, count, count) for word, count in expected
    ]


def test_number_of_different_words_travels_as_a_parameter(folder: Path) -> None:
    number = len(count_directly())
    assert (folder / "chart.txt").read_text(encoding="utf-8").startswith(f"{number} different words")
    assert f"different words: {number}" in (folder / "output").read_text(encoding="utf-8").splitlines()


def test_declared_tmp_paths_stay_inside_the_run_directory(folder: Path) -> None:
    counts = list(folder.glob("shell-and-python-*/**/counts.txt"))
    assert counts
    outside = Path("/tmp/counts.txt")
    assert not outside.exists() or outside.stat().st_mtime < counts[0].stat().st_mtime
