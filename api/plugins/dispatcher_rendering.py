"""What a step whose script is sent elsewhere by dpdispatcher is told, in the words of its command."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from dflow.common import LocalArtifact
from dflow.engine.errors import WrongValue
from dflow.io import InputArtifact
from dflow.op_template import ContainerOPTemplate, PythonScriptOPTemplate

if TYPE_CHECKING:
    from dflow.op_template import ScriptOPTemplate

__all__ = ["at_home", "command_of", "packages_of", "paths_of", "program_text", "said"]

_PACKAGES = "/dflow/packages"
_BRACES, _NO_BRACES = "{{", "{\\u007b"
_RUN = """\
status = main(sys.argv[1:])
if status:
    sys.exit(status)
"""


def program_text(pre_script: str, post_script: str) -> str:
    """The text of the driver, with the user's lines before and after its work."""
    text = (Path(__file__).parent / "dispatcher_driver.py").read_text(encoding="utf-8")
    return "".join(line.rstrip("\n") + "\n" for line in (text, pre_script, _RUN, post_script) if line)


def command_of(template: ScriptOPTemplate, words: List[str], *, has_image: bool) -> List[str]:
    """The words that run a template's script, or its container.

    Raises:
        ValueError: a container has none, and there is no image that could have some.
    """
    if words:
        return words
    if not isinstance(template, ContainerOPTemplate):
        return ["python3"] if isinstance(template, PythonScriptOPTemplate) else ["sh"]
    if not has_image:
        raise WrongValue(f"the template {template.name!r} has no command, and there is no image to take it from")
    return []


def paths_of(side: Any) -> List[Dict[str, str]]:
    """Where each input or output that is a file is here, and where in the directory of the job."""
    made = []
    for kind in (side.parameters, side.artifacts):
        for port in kind.values():
            path = getattr(port, "path", None) or getattr(port, "value_from_path", None)
            if path is None:
                continue
            if not str(path).startswith("/") or ".." in str(path).split("/"):
                raise WrongValue(f"the path {str(path)!r} of an input or output must be an absolute one")
            made.append({"at": _Place(path), "rel": str(path).strip("/")})
    return made


def packages_of(template: ScriptOPTemplate) -> List[Dict[str, str]]:
    """The packages that a Python OP takes along; the template gets them as input artifacts.

    In a pod they come from the store, on this machine they are links.
    """
    own = getattr(template, "packages", [])
    if not own:
        return []
    from dflow.manifests import bundle
    from dflow.python import upload_packages

    made = []
    places = dict.fromkeys(os.path.abspath(str(place)) for place in (*bundle(), *own, *upload_packages))
    for number, place in enumerate(places):
        name = os.path.basename(place)
        path = f"{_PACKAGES}/{number}/{name}"
        template.inputs.artifacts[f"dflow_package_{number}"] = InputArtifact(path=path, source=LocalArtifact(place))
        made.append({"at": _Place(path), "name": name})
    return made


class _Place(str):
    """A text that the engine may change, as it does with declared paths: it stands in a word of its own."""

    __slots__ = ()


def said(told: Dict[str, Any]) -> Tuple[str, List[str]]:
    """Settings as JSON, and, each in a word of its own, the texts that are changed before the program starts.

    These are those with tags, whose values may be anything, and declared paths.
    """
    texts: List[str] = []

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): put(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [put(item) for item in value]
        if isinstance(value, _Place) or (isinstance(value, str) and _BRACES in value):
            texts.append(str(value))
            return {"$": len(texts) - 1}
        return value

    made = put(told)
    text = json.dumps({**made, "texts": len(texts)}, sort_keys=True).replace(_BRACES, _NO_BRACES)
    declared = [item["at"].rstrip("/") for item in [*told["inputs"], *told["outputs"]]]
    if any(path in text for path in declared):
        text = text.replace("/", "\\u002f")
    return text, texts


def at_home(place: str, username: str) -> str:
    """A place on a machine that wants absolute ones."""
    home = "/root" if username == "root" else f"/home/{username}"
    return home + place[1:] if place == "~" or place.startswith("~/") else place
