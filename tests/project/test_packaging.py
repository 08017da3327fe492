"""What pyproject.toml says of the source tree is true."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
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


def test_the_version_is_the_same_in_the_package_and_in_pyproject(source):
    assert dflow.__version__ == source.pyproject["project"]["version"]


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
