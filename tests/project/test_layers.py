"""Imports go one way: the table in the design of the folders, as tests."""

from __future__ import annotations

import sys

import pytest

ENGINE_MAY_USE = {"anyio", "filelock", "networkx"}
FRONTS = ("dflow.cli", "dflow.ui", "dflow.testing", "dflow.__main__")
RUNTIME = "dflow.python.runtime"


def _is_in(name, *packages):
    return any(name == package or name.startswith(package + ".") for package in packages)


def _offences(source, inside, allowed):
    """``module:line imports name`` for each import in a package that ``allowed`` does not like."""
    return [
        f"{module}:{item.line} imports {item.name}"
        for module in source.modules
        if _is_in(module, inside)
        for item in source.imports(module)
        if not allowed(item.name)
    ]


def test_the_engine_knows_the_standard_library_and_three_packages(source):
    def allowed(name):
        top = name.partition(".")[0]
        return top in sys.stdlib_module_names or top in ENGINE_MAY_USE or _is_in(name, "dflow.engine")

    assert _offences(source, "dflow.engine", allowed) == []


@pytest.mark.parametrize("package", ["dflow.executors", "dflow.exporters", "dflow.storage"])
def test_back_ends_know_the_engine_and_themselves(source, package):
    def allowed(name):
        return not _is_in(name, "dflow") or _is_in(name, "dflow.engine", package)

    assert _offences(source, package, allowed) == []


def test_only_front_ends_import_front_ends(source):
    offences = [
        offence
        for offence in _offences(source, "dflow", lambda name: not _is_in(name, *FRONTS))
        if not _is_in(offence.partition(":")[0], *FRONTS)
    ]
    assert offences == []


def test_nobody_but_the_runtime_itself_imports_the_runtime(source):
    offences = [
        offence
        for offence in _offences(source, "dflow", lambda name: not _is_in(name, RUNTIME))
        if not _is_in(offence.partition(":")[0], RUNTIME)
    ]
    assert offences == []


def test_no_folder_is_imported_by_its_bare_name(source):
    folders = set(source.folders.values())
    assert _offences(source, "dflow", lambda name: name.partition(".")[0] not in folders) == []
