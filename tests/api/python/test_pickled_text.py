"""What jsonpickle would lose is kept or refused, in parameters and in ``dflow.jsonpickle``."""

from __future__ import annotations

import pytest
from dflow import jsonpickle
from dflow.python.values import decode, encode


@pytest.mark.parametrize("value", [bytearray(b"x\0"), bytearray(), {"a": (1, bytearray(b"b"))}])
def test_bytearrays_keep_their_bytes(value):
    assert jsonpickle.loads(jsonpickle.dumps(value)) == value
    assert decode(encode(value), object) == value


@pytest.mark.parametrize("key", ["py/object", "py/tuple", "py/id", "py/b64"])
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: [(1, {"a": d})]])
def test_a_dict_that_would_come_back_as_something_else_is_refused(key, wrap):
    with pytest.raises(ValueError, match=f"the key '{key}'"):
        jsonpickle.dumps(wrap({key: 1}))
    with pytest.raises(TypeError, match=f"the key '{key}'"):
        encode(wrap({key: 1}))


def test_other_keys_and_lists_that_hold_themselves_are_written():
    around = []
    around.append(around)
    found = jsonpickle.loads(jsonpickle.dumps(around))
    assert found[0] is found
    assert jsonpickle.loads(jsonpickle.dumps({"py/mine": 1, "json://x": (2,)})) == {"py/mine": 1, "json://x": (2,)}
