"""How the site is made from the pages of this directory: ``sphinx-build -W --keep-going -n docs site``."""

from __future__ import annotations

import functools
import importlib
import re
from typing import TYPE_CHECKING, Any

import dflow
from pygments.lexers.special import TextLexer
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "dflow"
author = "the authors of dflow"
project_copyright = author
version = release = dflow.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True
# Types that only checkers of types import, so that signatures have their short names.
SHORT = [
    *("AbstractContextManager", "EmailMessage", "Forms", "Item", "Keys", "Meter", "Node", "Path", "Registrar"),
    *("RunLayout", "Stat", "WorkflowGraph"),
]
nitpick_ignore = [("py:class", name) for name in SHORT]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# What dicts, lists, enums and exceptions can do is told by Python's own documentation.
BUILT_IN = [
    *("object", "int", "str", "tuple", "list", "dict", "UserDict", "UserList", "Mapping", "MutableMapping"),
    *("Sequence", "MutableSequence", "Enum", "BaseException", "Exception", "ABC", "Protocol", "PurePath", "Path"),
]
autodoc_default_options = {"members": True, "inherited-members": ",".join(BUILT_IN)}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88

pygments_dark_style = "github-dark"  # furo's own underlines the names of modules, as if they were links
html_theme = "furo"
html_title = f"dflow {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}

SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")
ITEM = re.compile(r"(?P<indent> +)(?P<names>\*{0,2}\w[\w.]*(?:(?:, | … )\*{0,2}\w[\w.]*)*(?: …)?): (?P<says>.*)")


def setup(app: Sphinx) -> None:
    """Connect what is below."""
    app.add_lexer("csv", TextLexer)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", as_lists)


def as_lists(_app: Sphinx, _what: str, _name: str, _object: object, _options: Any, lines: list[str]) -> None:
    """Have the sections of a docstring become lists, with the names in them as code, and errors as references."""
    section, made = "", []
    for line in lines:
        begins, item = SECTION.fullmatch(line), ITEM.fullmatch(line)
        if begins:
            section = begins[1]
            made += ["", f"**{section}**", ""]
        elif section and item and len(item["indent"]) == 4:
            names = re.sub(r"[\w.*]+", r":exc:`\g<0>`" if section == "Raises" else r"``\g<0>``", item["names"])
            made.append(f"- {names}: {item['says']}")
        else:
            section = "" if line and not line.startswith(" ") else section
            made.append(inside_section(line) if section else line)
    lines[:] = made


def inside_section(line: str) -> str:
    """A line of a section as text of its own, or, where it stands deeper, as the rest of the item before it."""
    depth = len(line) - len(line.lstrip(" "))
    return line[4:] if depth < 8 else f"  {line[8:]}"


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> nodes.Node | None:
    """The place of a name that is documented under its home's name, or by a part of it; None if there is no such name.

    ``dflow.Workflow`` loads when it is used, and its home is ``dflow.workflow``. What exists and has no place here
    (``pathlib.Path``) is not linked.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    found = look_up(target)
    names = {f"{found.__module__}.{found.__qualname__}"} if hasattr(found, "__qualname__") else set()
    known = list(env.domains["py"].get_objects())
    names |= {name for name, *_ in known if name.endswith(f".{target}") and name.count(".") > 1}
    for name, _, kind, page, anchor, _ in known:
        if name in names and (len(names) == 1 or name.endswith(f".{target}")):
            return make_refnode(app.builder, node["refdoc"], page, anchor, text, f"{name} ({kind})")
    return None if found is None else text


@functools.cache
def look_up(name: str) -> Any:
    """What a dotted name means; None if nothing."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        return functools.reduce(lambda value, part: getattr(value, part, None), parts[count:], found)
    return None
