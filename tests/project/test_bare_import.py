"""``from dflow import …`` needs the standard library only, and loads little of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import dflow
import pytest

HEAVY = {"anyio", "asyncio", "cloudpickle", "jsonpickle", "minio", "networkx", "typeguard", "yaml"}
AUTHORING = sorted(
    {*dflow._HOME.values(), "python", "python.op", "python.opio", "python.slices", "python.python_op_template"}
)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A folder with nothing but the package, as it is copied into a container."""
    folder = tmp_path_factory.mktemp("bare")
    shutil.copytree(dflow.__path__[0], folder / "dflow", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _loaded(code, *options, path):
    """The modules in an interpreter after some code."""
    program = (
        f"import sys\nsys.path.insert(0, {str(path)!r})\n{code}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    )
    command = [sys.executable, "-I", "-B", *options, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout))


def test_the_path_of_the_package_is_a_complete_copyable_package(bare):
    for part in (
        "engine/state.py",
        "executors/__init__.py",
        "exporters/__init__.py",
        "storage/__init__.py",
        "python/runtime",
    ):
        assert (bare / "dflow" / part).exists(), part


def test_a_copied_package_knows_its_version(bare):
    """There is no metadata beside it to ask."""
    _loaded(f"import dflow\nassert dflow.__version__ == {dflow.__version__!r}", "-S", path=bare)


def test_authoring_modules_import_with_the_standard_library_only(bare):
    imports = "\n".join(f"import dflow.{name}" for name in AUTHORING)
    loaded = _loaded(f"from dflow import *\nfrom dflow.python import *\n{imports}", "-S", path=bare)
    ours = {name for name in loaded if name.partition(".")[0] == "dflow"}
    assert {f"dflow.{name}" for name in AUTHORING} <= ours


def test_importing_all_of_the_api_loads_no_heavy_library(bare):
    """Checked where they could be loaded: the same interpreter with its installed packages."""
    loaded = _loaded("from dflow import *\nfrom dflow.python import *", path=bare)
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


def test_a_plain_import_loads_no_module_of_ours_but_itself(bare):
    loaded = _loaded("import dflow", path=bare)
    assert {name for name in loaded if name.startswith("dflow.")} == set()


def test_the_runtime_loads_with_the_standard_library_only(bare):
    loaded = _loaded("import dflow.python.runtime", "-S", path=bare)
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


@pytest.mark.parametrize(
    "code",
    [
        "from dflow import config as a; import dflow.config; from dflow.config import config as b",
        "import dflow.config; from dflow.config import config as a; from dflow import config as b",
        "from dflow.config import config as a; import dflow; b = dflow.config",
        "import dflow.config as a; from dflow import config as b",
    ],
)
def test_config_is_a_mapping_and_a_module_in_any_order_of_imports(bare, code):
    _loaded(f"{code}\nassert a['mode'] == b['mode']\nassert a.config['mode'] == b.config['mode']", "-S", path=bare)
