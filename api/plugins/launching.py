"""OPs as applications of the vendor's Launching platform.

That needs the vendor's package ``dp``, which is on no public index, so nothing here can be tried: the names are there
for packages that import them, and say so when they are called.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Union

from dflow.engine.errors import MissingExtra, UnsupportedError

if TYPE_CHECKING:
    from dflow.op_template import OPTemplate
    from dflow.python.op import OP

__all__ = ["OP_template_to_parser", "OP_to_parser", "python_OP_to_parser"]


def OP_to_parser(op: Union[OP, OPTemplate], version: str = "1.0.0") -> Any:  # noqa: N802 - upstream's name
    """The command-line parser of an application that runs an OP or a template. Not available.

    Raises:
        MissingExtra: the vendor's package is not installed.
        UnsupportedError: it is, and this was never tried with it.
    """
    return _refuse()


def python_OP_to_parser(op: OP, version: str = "1.0.0") -> Any:  # noqa: N802 - upstream's name
    """Likewise of a Python OP."""
    return _refuse()


def OP_template_to_parser(templ: OPTemplate, version: str = "1.0.0") -> Any:  # noqa: N802 - upstream's name
    """Likewise of a template."""
    return _refuse()


def _refuse() -> Any:
    instead = "to run one OP from a shell, write a workflow of it in YAML and use `dflow run`"
    if find_spec("dp") is None:
        raise MissingExtra(
            f"applications of Launching need the vendor's package dp, which is on no public index; {instead}"
        )
    raise UnsupportedError(f"OPs cannot be made applications of Launching in this version; {instead}")
