"""The site builds without warnings, its links lead somewhere, it loads nothing from outside, its reference is whole."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from surface import IN_THE_PACKAGE, look_up

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SURFACE = [item for item in IN_THE_PACKAGE if item["kind"] != "deep path"]
DATA = {  # what is no class and no function, and where it is described
    "config": "dflow.config.config",
    "jsonpickle": "dflow.common.jsonpickle",
    "s3_config": "dflow.config.s3_config",
    "upload_packages": "dflow.python.upload_packages",
}
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
LINKED_ONLY = {"canonical", "next", "prev", "search", "index", "top", "author", "license"}


class Seen(NamedTuple):
    """What a page of the site has."""

    ids: set[str]
    links: list[str]
    loads: list[str]


class Reader(HTMLParser):
    """Collects ids, links and what is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen(set(), [], [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.seen.ids.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and found.get("href"):
            self.seen.links.append(found["href"])
        elif found.get(LOADING.get(tag, "")) and not (tag == "link" and found.get("rel") in LINKED_ONLY):
            self.seen.loads.append(found[LOADING[tag]])
        if "style" in found:
            self.seen.loads.extend(re.findall(r"url\(['\"]?([^'\")]+)", found["style"]))


def read(page: Path) -> Seen:
    """What a page has."""
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader.seen


def build(target: Path, source: Path = DOCS) -> subprocess.CompletedProcess[str]:
    """Build the site; every warning is an error."""
    pytest.importorskip("furo", reason="pip install 'pydflow[docs]'")
    words = ["-W", "--keep-going", "-n", "-q", "-d", f"{target}-trees", str(source), str(target)]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The site, as it is built from the checkout, and what the builder said."""
    target = tmp_path_factory.mktemp("site") / "html"
    return target, build(target)


@pytest.fixture(scope="module")
def site(built: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    """The directory of the site."""
    return built[0]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Seen]:
    """Every page of the site, and what it has."""
    return {page: read(page) for page in site.rglob("*.html")}


pytestmark = pytest.mark.timeout(400)


@pytest.mark.docs
def test_the_site_builds_without_a_warning(built: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    assert (built[1].returncode, built[1].stdout, built[1].stderr) == (0, "", "")


@pytest.mark.docs
def test_every_page_of_docs_is_in_the_site(site: Path, pages: dict[Path, Seen]) -> None:
    wanted = {site / page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")}
    assert sorted(wanted - set(pages)) == []
    reached, new = set(), {site / "index.html"}
    while new:
        reached |= new
        new = {target_of(page, link)[0] for page in new for link in pages[page].links} & set(pages) - reached
    assert sorted(wanted - reached) == []


def target_of(page: Path, link: str) -> tuple[Path, str]:
    """File and anchor of a link in a page."""
    parts = urlsplit(link)
    path = page.parent / unquote(parts.path) if parts.path else page
    return Path(os.path.normpath(path)), unquote(parts.fragment)


@pytest.mark.docs
def test_links_and_anchors_lead_somewhere(pages: dict[Path, Seen]) -> None:
    broken, checked = [], 0
    for page, seen in pages.items():
        for link in seen.links:
            if urlsplit(link).scheme:
                continue
            target, anchor = target_of(page, link)
            checked += 1
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].ids):
                broken.append(f"{page.name}: {link}")
    assert checked > 1000
    assert broken == []


@pytest.mark.docs
def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Seen]) -> None:
    loads = [(page, load) for page, seen in pages.items() for load in seen.loads if not load.startswith("data:")]
    assert any(load.endswith(".png") for _, load in loads)
    assert [(page.name, load) for page, load in loads if urlsplit(load).scheme or load.startswith("//")] == []
    assert [(page.name, load) for page, load in loads if not target_of(page, load)[0].exists()] == []
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        found = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", text)
        assert [u for pair in found for u in pair if re.match(r"(https?:)?//", u)] == [], sheet
    for script in site.rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"(?:fetch|import|importScripts)\(\s*['\"](?:https?:)?//", text), script


@pytest.mark.docs
def test_a_wrong_reference_and_a_page_nobody_links_are_errors(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text((DOCS / "conf.py").read_text(encoding="utf-8"), encoding="utf-8")
    (source / "_static").mkdir()
    (source / "_static" / "site.css").write_bytes((DOCS / "_static" / "site.css").read_bytes())
    names = ":class:`dflow.Workflow` and :class:`dflow.NoSuch` and :class:`pathlib.Path`"
    index = f"# a\n\n```{{eval-rst}}\n{names}\n```\n[b](b.md#c)\n"
    (source / "index.md").write_text(index, encoding="utf-8")
    (source / "b.md").write_text("# b\n\n## d\n", encoding="utf-8")
    done = build(tmp_path / "html", source)
    assert done.returncode != 0
    assert "dflow.NoSuch" in done.stderr
    assert "'c'" in done.stderr
    assert "b.md: WARNING: document isn't included in any toctree" in done.stderr
    assert "dflow.Workflow" not in done.stderr
    assert "pathlib.Path" not in done.stderr


def present() -> list[dict[str, Any]]:
    """The names of the surface that the package has; test_compatibility.py compares the rest."""
    found = []
    for item in SURFACE:
        with suppress(LookupError):
            found.append({**item, "object": look_up(item["name"])})
    return found


def home_of(found: Any) -> str:
    """The name under which an object is documented."""
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"


@pytest.mark.docs
def test_every_public_name_is_in_the_reference(site: Path) -> None:
    from sphinx.util.inventory import InventoryFile

    data = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    documented = {name for kind, names in data.items() if kind.startswith("py:") for name in names}
    items = present()
    assert len(items) > 300
    missing = []
    for item in items:
        owner, _, last = item["name"].rpartition(".")
        if item["kind"] == "attribute":
            known = re.search(rf"\b{last}\b", inspect.getdoc(look_up(owner)) or "") or item["name"] in documented
        else:
            homes = {
                item["name"],
                home_of(item["object"]),
                f"{home_of(look_up(owner))}.{last}",
                f"{item['name']}.{last}",
            }
            known = homes & documented or inspect.ismodule(item["object"]) or last in DATA
        if not known:
            missing.append(item["name"])
    assert missing == []
    exported = importlib.import_module("dflow").__all__
    assert set(DATA.values()) <= documented
    assert [n for n in exported if n not in DATA and home_of(look_up(f"dflow.{n}")) not in documented] == []


def test_every_public_name_says_what_it_does() -> None:
    silent = []
    for item in present():
        if item["kind"] == "attribute" or not (callable(item["object"]) or isinstance(item["object"], property)):
            continue
        last = item["name"].rpartition(".")[2]
        words = re.findall(r"[a-z]+", (inspect.getdoc(item["object"]) or "").lower())
        own = set(re.findall(r"[a-z]+", last.lower())) | {"the", "a", "of", "is", "as", "it"}
        if len([word for word in words if word not in own]) < 2:
            silent.append(item["name"])
    assert silent == []


def test_every_setting_is_on_its_page() -> None:
    from dflow.config import _S3_SETTINGS, _SETTINGS

    _, _, text = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8").partition("## `config`")
    text, _, storage = text.partition("## `s3_config`")
    for part, settings in ((text, _SETTINGS), (storage, _S3_SETTINGS)):
        rows = re.findall(r"^\| (`[^|]+) \| (`[^|]+) \| [^|]+ \|$", part, re.MULTILINE)
        shown = {}
        for names, defaults in rows:
            pairs = zip(re.findall(r"`([^`]+)`", names), re.findall(r"`([^`]+)`", defaults), strict=True)
            shown.update(pairs)
        assert shown == {name: repr(default).replace("'", '"') for name, (default, _) in settings.items()}


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "examples").glob("*/README.md"))]


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_pages_outside_of_the_site_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(((?!https?://)[^)]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, link
