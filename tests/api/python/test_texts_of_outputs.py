"""An output parameter that is declared as a text, and is None."""

from __future__ import annotations

from typing import Optional

import pytest
from dflow.engine.errors import SignatureError
from dflow.python import Artifact, OPIOSign, Parameter
from dflow.python.step_files import check_texts


@pytest.mark.parametrize("kind", [str, Parameter(str), Parameter(str, default="x")])
def test_none_for_a_text_is_refused_by_name(kind):
    with pytest.raises(SignatureError, match="OP Make: output parameter 'n' is None, but declared as str"):
        check_texts("Make", OPIOSign({"i": int, "n": kind}), {"i": 1, "n": None})


@pytest.mark.parametrize("kind", [Optional[str], int, dict, object, Artifact(str)])  # noqa: UP045 - as users write it
def test_none_for_other_types_is_accepted(kind):
    check_texts("Make", OPIOSign({"n": kind}), {"n": None})
