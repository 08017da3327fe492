"""What pyproject.toml says of the source tree is true."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import warnings

import dflow
import pytest


def _packages_on_disk(source):
    return sorted(
        {name if file.name == "__init__.py" else name.rpartition(".")[0] for name, file in source.modules.items()}
    )


def test_the_list_of_packages_equals_the_folders_with_python_files(source):
    assert source.pyproject["tool"]["setuptools"]["packages"] == _packages_on_disk(source)


def test_every_package_has_an_init_module(source):
    assert [name for name in _packages_on_disk(source) if name not in source.modules] == []


def test_package_dir_maps_each_top_level_folder_that_imports_as_dflow(source):
    assert source.folders == {
        "dflow": "api",
        "dflow.engine": "engine",
        "dflow.executors": "executors",
        "dflow.exporters": "exporters",
        "dflow.storage": "storage",
    }


def test_no_module_of_api_hides_one_of_the_other_folders(source):
    for package, folder in source.folders.items():
        if package != "dflow":
            assert not (source.root / "api" / folder).exists()
            assert not (source.root / "api" / f"{folder}.py").exists()


def test_the_type_marker_is_package_data(source):
    assert (source.root / "api" / "py.typed").is_file()
    assert "py.typed" in source.pyproject["tool"]["setuptools"]["package-data"]["dflow"]


def test_no_import_is_relative(source):
    relative = [
        f"{name}:{node.lineno}"
        for name in source.modules
        for node in ast.walk(source.tree(name))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_the_version_is_written_in_one_place_and_read_from_there(source):
    assert "version" not in source.pyproject["project"]
    assert source.pyproject["project"]["dynamic"] == ["version"]
    assert source.pyproject["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "dflow.__version__"}
    (written,) = [
        ast.literal_eval(statement.value)
        for statement in source.tree("dflow").body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__"
    ]
    assert dflow.__version__ == written
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc|\.dev)\d+)?", written)


def test_the_citation_file_has_this_version(source):
    """Read without a parser of the format: two lines of it."""
    lines = (source.root / "CITATION.cff").read_text().splitlines()
    assert f"version: {dflow.__version__}" in lines
    assert f"license: {source.pyproject['project']['license']}" in lines


def test_supported_pythons_are_those_that_the_linters_aim_at(source):
    prefix = "Programming Language :: Python :: 3."
    minors = [
        int(line.removeprefix(prefix)) for line in source.pyproject["project"]["classifiers"] if line.startswith(prefix)
    ]
    first = minors[0]
    assert minors == list(range(first, 15))
    assert source.pyproject["project"]["requires-python"] == f">=3.{first}"
    assert source.pyproject["tool"]["ruff"]["target-version"] == f"py3{first}"
    assert source.pyproject["tool"]["mypy"]["python_version"] == f"3.{first}"


def test_every_module_parses_on_the_oldest_supported_python(source):
    oldest = int(source.pyproject["project"]["requires-python"].removeprefix(">=3."))
    for file in source.modules.values():
        ast.parse(file.read_text(), str(file), feature_version=(3, oldest))


@pytest.mark.waiting
def test_no_module_uses_what_the_oldest_supported_python_lacks(source):
    pytest.importorskip("vermin")
    oldest = source.pyproject["project"]["requires-python"].removeprefix(">=")
    options = ["--quiet", "--no-tips", "--violations", f"-t={oldest}-", "--no-eval-annotations", "--processes=2"]
    guarded = ("inspect.get_annotations", "tomllib", "asyncio.timeout", "datetime.UTC")
    options += [word for name in guarded for word in ("--exclude", name)]
    folders = [str(source.root / folder) for folder in source.folders.values()]
    result = subprocess.run(
        [sys.executable, "-c", "from vermin import main; main()", *options, *folders],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr


def test_the_licence_is_the_text_that_pyproject_names(source):
    licence, gpl = source.pyproject["project"]["license-files"]
    assert "GNU LESSER GENERAL PUBLIC LICENSE\n                       Version 3" in (source.root / licence).read_text()
    assert "GNU GENERAL PUBLIC LICENSE\n                       Version 3" in (source.root / gpl).read_text()


def test_every_script_of_pyproject_exists(source):
    for target in source.pyproject["project"]["scripts"].values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def _order(name):
    """CONSTANTS, then Classes, then the rest, each in natural order, as ruff sorts them."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, [(part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name) if part]


def _all_of(tree):
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in statement.targets
        ):
            return ast.literal_eval(statement.value)
    return None


def test_every_all_is_sorted_and_without_doubles(source):
    for module in source.modules:
        names = _all_of(source.tree(module))
        if names is not None:
            assert names == sorted(set(names), key=_order), module


def _importable_modules():
    return [
        "dflow",
        *(m.name for m in pkgutil.walk_packages(dflow.__path__, "dflow.") if not m.name.endswith("__main__")),
    ]


@pytest.mark.parametrize("name", _importable_modules())
def test_every_name_in_all_exists(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a module may say that it is an old import path
        module = importlib.import_module(name)
    assert [n for n in getattr(module, "__all__", ()) if not hasattr(module, n)] == []


def test_dir_of_the_package_shows_every_public_name():
    assert set(dflow.__all__) <= set(dir(dflow))


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Worflow'"):
        dflow.Worflow  # noqa: B018
