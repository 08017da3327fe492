"""The modules of plugins import where nothing is installed."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import dflow.plugins
import pytest

MODULES = sorted(module.name for module in pkgutil.iter_modules(dflow.plugins.__path__))


def test_there_are_modules():
    assert {"azure", "gcs", "oss"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_plugin_imports_with_the_standard_library_only(name):
    path = str(Path(dflow.__path__[0]).parent)
    code = f"import sys; sys.path.insert(0, {path!r}); import dflow.plugins.{name}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
