"""The pictures of the documentation: made from real runs, into the folder that DFLOW_SCREENSHOTS names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser import Server, dflow, holds, launch, run_demo, shot, visits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser import Visit
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launch()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> tuple[Server, dict[str, str]]:
    """Runs in all states; one is in the middle of its work."""
    folder = tmp_path_factory.mktemp("home") / "projects" / "copper"
    folder.mkdir(parents=True)
    ids = {name: run_demo(folder, name) for name in ("failing", "broken", "study")}
    ids["waiting"] = run_demo(folder, "waiting", detach=True)
    ids["slow"] = run_demo(folder, "slow", detach=True)
    with Server(folder) as server:
        yield server, ids
        for name in ("waiting", "slow"):
            dflow(folder, "terminate", ids[name])


@pytest.fixture
def visit(browser: Browser, runs: tuple[Server, dict[str, str]]) -> Iterator[Callable[..., Visit]]:
    yield from visits(browser, runs[0])


def test_pictures_of_a_run_that_goes_on(visit, runs):
    _, ids = runs
    page = visit().enter(f"#/run/{ids['slow']}")
    page.wait_for_selector('.card[data-call="relax"].p-Running')
    page.wait_for_selector('.card[data-call="fit"].p-Running', timeout=100_000)
    page.get_by_role("button", name="Fit", exact=True).click()
    shot(page, "ui_graph")
    page.keyboard.press("Escape")
    page.wait_for_selector(f'tr[data-run="{ids["slow"]}"] .p-Running')
    page.mouse.click(1000, 650)
    shot(page, "ui_runs")


def test_pictures_of_a_run_that_is_over(visit, runs):
    _, ids = runs
    page = visit().enter(f"#/run/{ids['study']}/timeline")
    page.wait_for_selector(".timeline[data-painted]")
    shot(page, "ui_timeline")
    page.keyboard.press("1")
    page.wait_for_selector('.card[data-call="prepare"]')
    page.locator('.card[data-call="prepare"]').click()
    outputs = page.locator(".part-outputs")
    outputs.locator(".artifact").click()
    outputs.locator(".entry.file", has_text="energies.png").click()
    holds(page, "document.querySelector('img.picture')?.naturalWidth > 100")
    page.evaluate("document.querySelector('.panelbody').scrollTop = 560")
    shot(page, "ui_node")


def test_pictures_in_the_dark(visit, runs):
    page = visit(color_scheme="dark").enter(f"#/run/{runs[1]['broken']}")
    page.wait_for_selector('.card[data-call="relax"]')
    page.locator('.card[data-call="relax"]').click()
    page.wait_for_selector(".copies .copy")
    shot(page, "ui_dark")
