"""What the tests of the page need: a server of real runs, and a Chromium that notes all that goes wrong."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from needed import need
from ports import free_port
from until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page
    from typing_extensions import Self

CHROMIUM = "/usr/bin/chromium"
DEMO = Path(__file__).with_name("demo.py")
WIDE, HIGH = 1280, 720

# Notes what the browser refused because of the page's own policy; runs before any script of the page.
WATCH = """
window.__refused = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__refused.push(event.violatedDirective + " " + event.blockedURI));
window.__long = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.__long.push(entry.duration)))
  .observe({ type: "longtask", buffered: true });
"""


def why_not() -> str:
    """Why there is no browser to test with; empty if there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install playwright"
    return "" if shutil.which(CHROMIUM) else f"there is no {CHROMIUM}"


def holds(page: Page, condition: str, seconds: float = 15) -> None:
    """Wait until an expression is true on the page; the policy of the page forbids playwright's own way of waiting.

    While something that it asks for is not there, as in between two drawings of a panel, it is not true yet.
    """
    asked = f"(() => {{ try {{ return {condition}; }} catch (error) {{ return false; }} }})()"
    until(lambda: page.evaluate(asked), seconds)


def run_demo(folder: Path, name: str, *, detach: bool = False, timeout: float = 200) -> str:
    """Run a workflow of demo.py, or start it in the background; its id."""
    command = [sys.executable, str(DEMO), name, *(["--detach"] if detach else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout)
    found = re.search(r"^ID (\S+)$", done.stdout, re.MULTILINE) or re.search(r"\(ID: (\S+)\)", done.stdout)
    assert found, done.stdout + done.stderr
    return found[1]


def dflow(folder: Path, *words: str) -> str:
    """What a command says."""
    command = [sys.executable, "-m", "dflow.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60).stdout


class Server:
    """``dflow ui`` over a folder."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        command = [
            sys.executable,
            "-m",
            "dflow.cli",
            "ui",
            "--no-browser",
            "--port",
            str(self.port),
            "--dir",
            str(folder),
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
        )
        self.url = self._printed()

    def _printed(self) -> str:
        assert self.process.stdout is not None
        said = ""
        while line := self.process.stdout.readline():
            said += line
            if found := re.search(r"http://\S+\?token=\S+", line):
                return found[0]
        raise AssertionError(said)

    def stop(self) -> None:
        """End it, as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()


class Visit:
    """One visitor: a page, and all that went wrong on it.

    Attributes:
        allowed: a pattern of console errors that a test expects.
    """

    def __init__(self, browser: Browser, server: Server, **context: Any) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": WIDE, "height": HIGH}, **context)
        self.context.add_init_script(WATCH)
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.allowed = ""
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.wrong.append(said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", self._dialog)

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def enter(self, hash_: str = "") -> Page:
        """Open the address that the server printed; then go on to an address of the page."""
        self.page.goto(self.server.url)
        self.page.wait_for_selector("main *")
        return self.go(hash_) if hash_ else self.page

    def go(self, hash_: str) -> Page:
        """Go to an address of the page."""
        self.page.goto(f"{self.server.address}/{hash_}")
        return self.page

    def check(self) -> None:
        """Nothing went wrong: no error on the console, no dialog, nothing refused, no foreign script."""
        assert not self.page.evaluate("window.__refused"), self.page.evaluate("window.__refused")
        assert self.page.evaluate("window.__pwned") is None
        wrong = [text for text in self.wrong if not (self.allowed and re.search(self.allowed, text))]
        assert not wrong, wrong

    def longest(self) -> float:
        """The longest task (ms) since the last time this was asked; 0 when none took 50 ms."""
        return float(self.page.evaluate("Math.max(0, ...window.__long.splice(0))"))


def visits(browser: Browser, server: Server) -> Iterator[Callable[..., Visit]]:
    """Makes visitors, and checks each of them at the end."""
    made: list[Visit] = []

    def make(**context: Any) -> Visit:
        made.append(Visit(browser, server, **context))
        return made[-1]

    yield make
    for visit in made:
        try:
            visit.check()
        finally:
            visit.context.close()


def launch() -> Iterator[Browser]:
    """A headless Chromium of this machine."""
    need(why_not())
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def shot(page: Page, name: str) -> None:
    """Take a picture for the documentation, where DFLOW_SCREENSHOTS names a folder; else into the test's own."""
    folder = Path(os.environ.get("DFLOW_SCREENSHOTS") or ".")
    folder.mkdir(parents=True, exist_ok=True)
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    page.screenshot(path=str(folder / f"{name}.png"))
    assert (folder / f"{name}.png").stat().st_size < 200_000
