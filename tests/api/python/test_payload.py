"""Packing OPs: by import, as a pickle, with their source; and what is said of those that cannot be packed."""

# ruff: noqa: F821, S301, UP037 - names of outputs, not annotations; our own pickle

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
import threading
import types

import pytest
from dflow.engine.errors import PayloadError
from dflow.python import OP, OPIO, OPIOSign
from dflow.python.payload import pack_op

LOCK = threading.Lock()


class Plain(OP):
    """Adds one."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"m": int})

    def execute(self, op_in):
        return OPIO({"m": op_in["n"] + 1})


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module on the path, with an OP class and a function OP."""
    text = """
        import math
        from dflow.python import OP, OPIO, OPIOSign
        print("imported")

        class Add(OP):
            class Inner(OP):
                @classmethod
                def get_input_sign(cls): return OPIOSign()
                get_output_sign = get_input_sign
                def execute(self, op_in): return OPIO()
            get_input_sign = Inner.get_input_sign
            get_output_sign = Inner.get_output_sign
            def execute(self, op_in): return OPIO()

        @OP.function
        def add(n: int) -> {"m": float}:
            return {"m": math.sqrt(n)}
    """
    (tmp_path / "ops_of_a_user.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    import ops_of_a_user

    yield ops_of_a_user
    del sys.modules["ops_of_a_user"]


def test_what_can_be_imported_travels_as_its_name(module):
    for op, name in ((module.Add, "Add"), (module.Add.Inner, "Add.Inner"), (module.add, "add")):
        packed = pack_op(op)
        assert (packed["kind"], packed["module"], packed["qualname"]) == ("import", "ops_of_a_user", name)
        assert "data" not in packed


def test_instance_and_changed_module_travel_as_a_pickle(module):
    assert pack_op(module.Add())["kind"] == "pickle"
    add = module.Add
    module.Add = None
    assert pack_op(add)["kind"] == "pickle"


def test_module_without_a_file_travels_as_a_pickle(monkeypatch):
    made = types.ModuleType("made_in_memory")
    monkeypatch.setitem(sys.modules, "made_in_memory", made)
    kind = type("Made", (Plain,), {"__module__": "made_in_memory"})
    made.Made = kind
    assert pack_op(kind)["kind"] == "pickle"


def load_by_path(name, file):
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


OPS = """
    from dflow.python import OP
    def helper(n): return n + 1
    @OP.function
    def add(n: int) -> {"m": int}:
        return {"m": helper(n)}
"""


@pytest.mark.parametrize("name", ["loaded_by_path", "no_package.loaded_by_path"])
def test_module_that_was_loaded_by_its_path_travels_whole(tmp_path, monkeypatch, name):
    (tmp_path / "ops.py").write_text(textwrap.dedent(OPS))
    monkeypatch.setitem(sys.modules, name, None)
    packed = pack_op(load_by_path(name, tmp_path / "ops.py").add)
    assert packed["kind"] == "pickle"
    read = f"import base64, pickle; print(pickle.loads(base64.b64decode({packed['data']!r}))(n=1))"
    done = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=False)
    assert done.stdout == "{'m': 2}\n", done.stderr


def test_module_that_hides_another_one_of_its_name_travels_whole(tmp_path, module):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "ops.py").write_text(textwrap.dedent(OPS))
    other = load_by_path("ops_of_a_user", tmp_path / "elsewhere" / "ops.py")
    assert pack_op(other.add)["kind"] == "pickle"
    sys.modules["ops_of_a_user"] = module
    assert pack_op(module.add)["kind"] == "import"


def test_op_in_a_function_travels_as_a_pickle_with_source_and_versions():
    class Local(Plain):
        """Local."""

    packed = pack_op(Local)
    assert packed["kind"] == "pickle"
    assert packed["name"] == "Local"
    assert packed["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert packed["cloudpickle"]
    assert len(packed["digest"]) == 64


def test_source_is_the_definition_and_the_imports_of_its_file(module):
    module.add.__wrapped__ = None
    packed = pack_op(type(module.add)(module.add.func))
    assert packed["kind"] == "pickle"
    assert packed["source"].startswith("import math\nfrom dflow.python import OP, OPIO, OPIOSign\n")
    assert "def add(n: int)" in packed["source"]
    assert "imported" not in packed["source"]


def test_digest_is_of_the_source_alone(module):
    assert pack_op(module.Add)["digest"] == pack_op(module.Add())["digest"]
    assert pack_op(module.Add)["digest"] != pack_op(module.add)["digest"]


def test_attribute_of_an_instance_that_cannot_travel_is_named():
    op = Plain()
    op.fine, op.handle = 1, LOCK
    with pytest.raises(PayloadError, match=r"OP Plain .*: its attribute 'handle' cannot be pickled") as found:
        pack_op(op)
    assert str(found.value).endswith("Make that object inside execute")


def test_class_attribute_and_variables_that_cannot_travel_are_named():
    class WithAttribute(Plain):
        handle = LOCK

    class WithVariable(Plain):
        def execute(self, op_in):
            with here:
                return OPIO()

    here = threading.Lock()
    with pytest.raises(PayloadError, match="its class attribute 'handle' cannot be pickled"):
        pack_op(WithAttribute)
    with pytest.raises(PayloadError, match="the variable 'here' used in execute cannot be pickled"):
        pack_op(WithVariable)


def test_function_op_names_what_it_uses():
    here = threading.Lock()

    @OP.function
    def f(n: int) -> {"m": int}:
        with here:
            return {"m": n}

    with pytest.raises(PayloadError, match=r"OP f .*: the variable 'here' used in f cannot be pickled"):
        pack_op(f)


def test_missing_default_is_still_missing_after_a_pickle():
    import pickle

    from dflow.io import MISSING

    assert pickle.loads(pickle.dumps(MISSING)) is MISSING
