"""The web page over runs that go on: it follows them, and its buttons act on them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from browser import Server, dflow, holds, launch, run_demo, visits
from until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser import Visit
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launch()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("live")) as started:
        yield started


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Visit]]:
    yield from visits(browser, server)


def phase(page: Page, call: str) -> str:
    """What the graph says of a step."""
    label = page.locator(f'.card[data-call="{call}"]').get_attribute("aria-label")
    return label.split(", ")[1]


def status(page: Page) -> str:
    return page.inner_text(".runhead .status")


def place_of(page, name):
    """Where the card of a step is; between two drawings there is none."""
    seen = []
    until(lambda: seen.append(page.locator(f'.card[data-call="{name}"]').bounding_box()) or seen[-1] is not None)
    return seen[-1]


def test_a_run_appears_in_an_empty_list_and_its_states_change_without_a_reload(visit, server):
    page = visit().enter()
    page.wait_for_selector("text=No runs yet")
    page.evaluate("window.__same = true")
    run = run_demo(server.folder, "live", detach=True)
    page.wait_for_selector(f'tr[data-run="{run}"]')
    assert "1 running" in page.title()
    page.locator(f'tr[data-run="{run}"]').click()
    page.wait_for_selector(".card")
    until(lambda: phase(page, "first") == "Running")
    assert [phase(page, name) for name in ("left", "last")] == ["Pending", "Pending"]
    at = place_of(page, "last")
    (server.folder / "go-1").touch()
    until(lambda: phase(page, "first") == "Succeeded")
    until(lambda: phase(page, "left") == "Running" and phase(page, "right") == "Succeeded")
    (server.folder / "go-2").touch()
    until(lambda: phase(page, "last") == "Succeeded")
    until(lambda: status(page) == "Succeeded")
    assert place_of(page, "last") == at, "nothing jumps"
    assert page.title().startswith("✔")
    assert page.evaluate("window.__same"), "the page was never loaded again"
    page.keyboard.press("Escape")
    page.wait_for_selector(f'tr[data-run="{run}"]')
    until(lambda: "4 / 4" in page.inner_text(f'tr[data-run="{run}"]'))


def test_timeline_and_table_follow_too(visit, server):
    run = run_demo(server.folder, "live", detach=True)
    page = visit().enter(f"#/run/{run}/steps")
    page.wait_for_selector(".rows .trow[data-node]")
    (server.folder / "go-1").touch()
    until(lambda: page.locator(".rows .trow", has_text="right").count() == 1)
    page.keyboard.press("2")
    page.wait_for_selector(".timeline[data-painted]")
    before = int(page.get_attribute(".timeline", "data-painted"))
    (server.folder / "go-2").touch()
    until(lambda: int(page.get_attribute(".timeline", "data-painted")) > before)
    until(lambda: status(page) == "Succeeded")


def test_a_log_is_followed_while_its_step_runs(visit, server):
    run = run_demo(server.folder, "live", detach=True)
    page = visit().enter(f"#/run/{run}")
    page.wait_for_selector(".card.p-Running")
    page.locator('.card[data-call="first"]').click()
    page.wait_for_selector(".log .ln")
    assert page.inner_text(".log").strip() == "first begins"
    (server.folder / "go-1").touch()
    until(lambda: "first is done" in page.inner_text(".log"))
    until(lambda: "Succeeded" in page.inner_text(".panel header"))
    dflow(server.folder, "terminate", run)


def test_terminate_asks_first_and_then_ends_the_run(visit, server):
    run = run_demo(server.folder, "live", detach=True)
    page = visit().enter(f"#/run/{run}")
    page.wait_for_selector('[data-action="terminate"]')
    page.locator('[data-action="terminate"]').click()
    assert page.evaluate("document.activeElement.textContent") == "Cancel"
    page.keyboard.press("Escape")
    page.wait_for_timeout(400)
    assert status(page) == "Running"
    page.locator('[data-action="terminate"]').click()
    page.locator("dialog .danger").click()
    until(lambda: status(page) in ("Failed", "Terminated"))
    assert "Running" not in dflow(server.folder, "get", run).splitlines()[0:3]
    page.wait_for_selector('[data-action="retry"]')


def test_a_failed_run_is_retried_from_the_page(visit, server):
    run = run_demo(server.folder, "failing")
    page = visit().enter(f"#/run/{run}")
    page.wait_for_selector(".card.p-Failed")
    (server.folder / "mended").touch()
    page.locator('[data-action="retry"]').click()
    until(lambda: status(page) == "Succeeded")
    until(lambda: phase(page, "bad") == "Succeeded")


def test_suspend_holds_back_the_next_steps_until_resume(visit, server):
    run = run_demo(server.folder, "live", detach=True)
    page = visit().enter(f"#/run/{run}")
    page.locator('[data-action="suspend"]').click()
    page.wait_for_selector('[data-action="resume"]')
    (server.folder / "go-1").touch()
    (server.folder / "go-2").touch()
    until(lambda: phase(page, "first") == "Succeeded")
    page.wait_for_timeout(600)
    assert phase(page, "left") == "Pending"
    page.locator('[data-action="resume"]').click()
    until(lambda: status(page) == "Succeeded")


def test_a_step_that_waits_is_given_its_value(visit, server):
    run = run_demo(server.folder, "waiting", detach=True)
    page = visit().enter(f"#/run/{run}")
    page.wait_for_selector(".card.p-Running")
    page.locator(".card.p-Running").click()
    page.wait_for_selector("form.resume")
    page.locator("form.resume input[name=decision]").fill("yes <b>indeed</b>")
    page.locator('[data-action="resume-step"]').click()
    until(lambda: status(page) == "Succeeded")
    page.locator('.card[data-call="say"]').click()
    page.wait_for_selector(".log .ln")
    assert page.inner_text(".log").strip() == "it is yes <b>indeed</b>"


def test_the_page_says_that_the_server_is_gone_and_comes_back_by_itself(visit, server):
    visitor = visit()
    visitor.allowed = r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|401"
    run = run_demo(server.folder, "live", detach=True)
    page = visitor.enter(f"#/run/{run}")
    page.wait_for_selector(".card.p-Running")
    server.stop()
    page.wait_for_selector("#banner:not([hidden])")
    assert "connection" in page.inner_text("#banner")
    (server.folder / "go-1").touch()
    (server.folder / "go-2").touch()
    with Server(server.folder, server.port) as again:
        page.wait_for_selector("text=No access")
        page.goto(again.url)
        page.wait_for_selector("tr[data-run]")
        page.goto(f"{again.address}/#/run/{run}")
        until(lambda: page.locator(".runhead .status").count() and status(page) == "Succeeded")


def test_a_connection_that_breaks_for_a_moment_is_made_again(visit, server):
    visitor = visit()
    visitor.allowed = r"ERR_INTERNET_DISCONNECTED"
    run = run_demo(server.folder, "live", detach=True)
    page = visitor.enter(f"#/run/{run}")
    page.wait_for_selector(".card.p-Running")
    visitor.context.set_offline(True)
    page.keyboard.press("3")
    page.wait_for_selector("#banner:not([hidden])")
    (server.folder / "go-1").touch()
    page.wait_for_timeout(500)
    visitor.context.set_offline(False)
    page.wait_for_selector("#banner", state="hidden")
    page.keyboard.press("1")
    page.wait_for_selector(".card")
    until(lambda: phase(page, "first") == "Succeeded")
    (server.folder / "go-2").touch()
    until(lambda: status(page) == "Succeeded")


def test_a_log_that_goes_on_stays_at_its_end_only_while_its_end_is_seen(visit, server):
    run = run_demo(server.folder, "live", detach=True)
    page = visit().enter(f"#/run/{run}")
    page.wait_for_selector(".card.p-Running")
    page.locator('.card[data-call="first"]').click()
    page.wait_for_selector(".log .ln")
    log = next((server.folder / run).glob("**/log.txt"))
    with log.open("a") as stream:
        stream.writelines(f"line {i}\n" for i in range(400))
    until(lambda: "line 399" in page.inner_text(".log"))
    at_end = "(log => log.scrollHeight - log.scrollTop - log.clientHeight < 30)(document.querySelector('.log'))"
    holds(page, at_end)
    page.evaluate("document.querySelector('.log').scrollTop = 0")
    with log.open("a") as stream:
        stream.write("\x1b[31m50 %\r100 %\x1b[0m\n")
    until(lambda: "100 %" in page.inner_text(".log"))
    assert page.evaluate("document.querySelector('.log').scrollTop") == 0
    assert not re.search(r"50 %", page.inner_text(".log")), "a line that was written over is not shown"
    dflow(server.folder, "terminate", run)
