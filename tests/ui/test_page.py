"""The web page over runs that are over: what a person clicks, reads and types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from browser import Server, holds, launch, run_demo, visits
from until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from browser import Visit
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launch()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> tuple[Path, dict[str, str]]:
    """A folder with a run that went well but for one slice, one that failed, and one of groups in groups."""
    folder = tmp_path_factory.mktemp("runs")
    return folder, {name: run_demo(folder, name) for name in ("broken", "failing", "deep")}


@pytest.fixture(scope="module")
def server(runs: tuple[Path, dict[str, str]]) -> Iterator[Server]:
    with Server(runs[0]) as started:
        yield started


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Visit]]:
    yield from visits(browser, server)


@pytest.fixture
def ids(runs: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return runs[1]


def card(page: Page, call: str) -> None:
    """Click on the card of a step."""
    page.locator(f'.card[data-call="{call}"]').click()


def test_the_list_shows_all_runs_and_the_token_leaves_the_address(visit, ids):
    page = visit().enter()
    page.wait_for_selector(f'tr[data-run="{ids["broken"]}"]')
    assert page.locator("tr[data-run]").count() == 3
    assert "token" not in page.url
    row = page.locator(f'tr[data-run="{ids["failing"]}"]')
    assert "Failed" in row.inner_text()
    assert re.search(r"2 / 2\s+1 failed", row.inner_text())
    assert page.title() == "Runs · dflow"


def test_filters_of_the_list(visit, ids):
    page = visit().enter()
    page.wait_for_selector("tr[data-run]")
    page.keyboard.press("/")
    page.keyboard.type("copper")
    holds(page, "document.querySelectorAll('tr[data-run]').length === 1")
    assert page.locator("tr[data-run]").get_attribute("data-run") == ids["broken"]
    page.locator("select").select_option("Failed")
    assert "No run matches" in page.inner_text("main")
    page.keyboard.press("Escape")
    page.locator("body").press("Escape")
    holds(page, "document.querySelectorAll('tr[data-run]').length === 3")


def test_from_the_list_to_a_log_with_the_keyboard_alone(visit, ids):
    page = visit().enter()
    page.wait_for_selector("tr[data-run]")
    while page.evaluate("document.activeElement.textContent") != ids["broken"]:
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    page.keyboard.press("3")
    page.wait_for_selector(".rows .trow[data-node]")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(".log .ln")
    assert "wrote structure" in page.inner_text(".log")
    page.keyboard.press("Escape")
    assert page.locator(".panel").is_hidden()
    page.keyboard.press("1")
    page.wait_for_selector(".card")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".panel h2")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_selector("tr[data-run]")


def test_help_says_what_the_keys_do_and_closes(visit):
    page = visit().enter()
    page.keyboard.press("?")
    assert "go to the filter" in page.locator("dialog[open]").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_a_step_shows_its_facts_values_and_log(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}")
    page.wait_for_selector(".card")
    assert page.title() == f"✔ {ids['broken']} · dflow"
    card(page, "prepare")
    page.wait_for_selector(".log .ln")
    panel = page.locator(".panel").inner_text()
    for word in ("Succeeded", "prepare", "MB at most", "count", "24", '"functional": "PBE"', "cu-23"):
        assert word in panel
    assert page.locator(".log .a-green").first.inner_text() == "wrote"
    assert "\x1b" not in page.inner_text(".log")
    assert "node=" in page.url


def test_the_graph_draws_groups_loops_and_what_was_skipped(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}")
    page.wait_for_selector(".card")
    page.get_by_role("button", name="Fit", exact=True).click()
    holds(page, "document.querySelectorAll('.card').length >= 16")
    calls = page.eval_on_selector_all(".card", "all => all.map(one => one.dataset.call)")
    for name in ("prepare", "relax", "references", "fit", "compare", "phonons", "report"):
        assert name in calls
    assert page.locator(".frame").count() == 3
    assert page.locator('.card[data-call="phonons"]').get_attribute("aria-label").startswith("phonons, Skipped")
    assert "23 succeeded" in page.locator('.card[data-call="relax"]').get_attribute("aria-label")
    assert page.locator('.card[data-call="relax"] .cell.p-Failed').count() == 1


def test_groups_fold_and_open_and_nothing_else_moves(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}")
    page.wait_for_selector(".frame")
    page.get_by_role("button", name="Fit", exact=True).click()
    page.wait_for_timeout(200)
    before = page.locator(".frame").count()
    frame = page.locator(".frame", has_text="linear")
    at = frame.bounding_box()
    frame.locator("[data-opens]").click()
    folded = page.locator(".card.k-group", has_text="linear")
    folded.wait_for()
    assert page.locator(".frame").count() == before - 1
    now = folded.bounding_box()
    assert abs(now["x"] - at["x"]) < 3
    assert abs(now["y"] - at["y"]) < 3
    folded.locator("[data-opens]").click()
    holds(page, f"document.querySelectorAll('.frame').length === {before}")


def test_a_loop_opens_its_copies_and_a_copy_its_step(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}")
    page.wait_for_selector('.card[data-call="relax"]')
    card(page, "relax")
    page.wait_for_selector(".copies .copy")
    assert page.locator(".copies .copy").count() == 24
    page.locator(".panel select").select_option("Failed")
    holds(page, "document.querySelectorAll('.copies .copy').length === 1")
    page.locator(".copies .copy").click()
    page.wait_for_selector(".panel .message")
    assert "did not converge" in page.inner_text(".panel .message")
    assert "dflow retry" in page.locator(".part-commands").text_content()
    page.get_by_role("button", name="All copies").click()
    page.wait_for_selector(".copies .copy")


def test_artifacts_are_a_tree_with_previews(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}")
    page.wait_for_selector('.card[data-call="prepare"]')
    card(page, "prepare")
    outputs = page.locator(".part-outputs")
    outputs.locator(".artifact").click()
    outputs.locator(".entry.file", has_text="table.csv").click()
    page.wait_for_selector(".csv table")
    assert page.locator(".csv th").all_inner_texts() == ["index", "file", "energy (eV)"]
    assert page.locator(".csv tbody tr").count() == 24
    outputs.locator(".entry.file", has_text="settings.json").click()
    page.wait_for_selector("pre.file")
    assert page.inner_text("pre.file").startswith('{\n  "functional": "PBE",')
    assert "12345678901234567890" in page.inner_text("pre.file"), "numbers are not rounded"
    outputs.locator(".entry.file", has_text="energies.png").click()
    holds(page, "document.querySelector('img.picture')?.naturalWidth > 100")
    outputs.locator(".entry.directory", has_text="structures/").click()
    outputs.locator(".entry.file", has_text="cu-00.xyz").click()
    holds(page, "[...document.querySelectorAll('pre.file')].some(one => one.textContent.includes('Cu 0 0'))")
    page.locator(".part-files summary").first.click()
    page.wait_for_selector(".part-files .entry.directory")
    assert "data/" in page.inner_text(".part-files")
    with page.expect_download() as download:
        outputs.get_by_role("link", name="Download").last.click()
    assert download.value.suggested_filename.endswith((".xyz", ".png", ".json", ".csv"))


def test_the_script_of_a_step_and_the_run_itself(visit, ids):
    page = visit().enter(f"#/run/{ids['failing']}")
    page.wait_for_selector('.card[data-call="bad"]')
    card(page, "bad")
    page.locator(".part-script summary").click()
    page.wait_for_selector(".part-script pre.file")
    assert "exit 3" in page.inner_text(".part-script pre.file")
    assert "exit code" in page.inner_text(".panel .facts").lower()
    page.get_by_role("button", name="The run: its inputs and outputs").click()
    holds(page, f"document.querySelector('.panel h2').textContent === '{ids['failing']}'")


def test_groups_in_groups_are_asked_for_when_they_are_opened(visit, ids):
    page = visit().enter(f"#/run/{ids['deep']}")
    page.wait_for_selector(".frame")

    def is_drawn(call: str) -> bool:
        page.keyboard.press("0")
        page.wait_for_timeout(100)
        return page.locator(f'[data-call="{call}"]').count() == 1

    for level in range(7):
        until(lambda call=f"beside-{level}": is_drawn(call))
        folded = page.locator(f'.card.k-group[data-call="inside-{level}"] [data-opens]')
        if folded.count():
            folded.click()
    until(lambda: is_drawn("beside-7"))
    page.keyboard.press("0")
    page.wait_for_selector('.card.p-Succeeded[data-call="inside-7"]')
    page.locator(".frame .title", has_text="inside-3").click()
    page.get_by_role("button", name="Show in the graph by itself").click()
    page.wait_for_selector(".crumbs .path")
    assert "inside-3" in page.inner_text(".crumbs .path")
    page.wait_for_selector('[data-call="beside-4"]')
    assert page.locator('[data-call="beside-3"]').count() == 0
    page.get_by_role("button", name="Whole run").click()
    page.wait_for_selector('[data-call="beside-0"]')


def test_the_table_of_steps_filters(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}/steps")
    page.wait_for_selector(".rows .trow[data-node]")
    page.keyboard.press("/")
    page.keyboard.type("relax-1")
    holds(page, "document.querySelector('.steps .bar .muted').textContent === '11 steps'")
    page.locator(".steps select").select_option("Failed")
    page.wait_for_selector("text=No step matches")
    page.locator(".steps input").fill("")
    holds(page, "document.querySelector('.steps .bar .muted').textContent === '1 step'")
    assert "did not converge" in page.inner_text(".rows")


def test_the_timeline_selects_a_step_by_click_and_by_key(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}/timeline")
    page.wait_for_selector(".timeline[data-painted]")
    assert re.search(r"Critical path: \d+ steps", page.inner_text(".timebox .bar"))
    box = page.locator(".gantt").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 50)
    page.wait_for_selector(".tip:not([hidden])")
    assert "on the critical path" in page.inner_text(".tip")
    page.mouse.click(box["x"] + 40, box["y"] + 50)
    page.wait_for_selector(".panel h2")
    assert page.inner_text(".panel h2") == "prepare"
    page.locator(".gantt").press("j")
    holds(page, "document.querySelector('.panel h2').textContent !== 'prepare'")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_theme_is_that_of_the_system_until_it_is_chosen(visit, scheme):
    page = visit(color_scheme=scheme).enter()
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert (sum(page.evaluate(ground)) < 200) is (scheme == "dark")
    page.keyboard.press("t")
    assert (sum(page.evaluate(ground)) < 200) is (scheme != "dark")
    page.reload()
    page.wait_for_selector("main *")
    assert (sum(page.evaluate(ground)) < 200) is (scheme != "dark")


def test_without_motion_nothing_turns(visit):
    page = visit(reduced_motion="reduce").enter()
    page.wait_for_selector("tr[data-run]")
    turning = "[...document.getAnimations()].filter(one => one.playState === 'running').length"
    assert page.evaluate(turning) == 0


def test_all_buttons_and_fields_have_names(visit, ids):
    page = visit().enter(f"#/run/{ids['broken']}")
    page.wait_for_selector('.card[data-call="prepare"]')
    card(page, "prepare")
    page.wait_for_selector(".log .ln")
    nameless = """[...document.querySelectorAll('button, a, input, select, [role=button], canvas:not([aria-hidden])')]
      .filter(one => !(one.getAttribute('aria-label') || one.textContent.trim() || one.closest('label')))
      .map(one => one.outerHTML)"""
    assert page.evaluate(nameless) == []


@pytest.mark.parametrize(
    "hash_",
    [
        "#/run/..%2F..%2Fetc%2Fpasswd",
        "#/run/../../etc/passwd",
        "#/run/%2e%2e",
        "#/run/..",
        "#/run/%00",
        "#/run/%E0%A4%A",
        "#/run/no-such-run",
        "#/run/javascript:alert(1)",
    ],
)
def test_addresses_that_lead_nowhere_say_so(visit, hash_):
    visitor = visit()
    visitor.allowed = r"Failed to load resource: .* 40[0-9]"
    visitor.enter()
    page = visitor.go(hash_)
    page.wait_for_selector("main [role=alert]")
    assert "root:" not in page.inner_text("body")
    page.locator('a[href="#/"]').first.click()
    page.wait_for_selector("tr[data-run]")


def test_a_node_that_is_not_there_says_so(visit, ids):
    visitor = visit()
    visitor.allowed = r"Failed to load resource: .* 404"
    visitor.enter()
    for node in ("../../../etc/passwd", "no-such-node", ".."):
        page = visitor.go(f"#/run/{ids['failing']}/graph?node={node}")
        page.wait_for_selector(".panel [role=alert]")
        assert "root:" not in page.inner_text("body")


def test_a_wrong_token_gets_words_and_no_page(visit, server):
    visitor = visit()
    visitor.allowed = r"Failed to load resource: .* 401"
    page = visitor.page
    answer = page.goto(server.url[:-6] + "wrong0")
    assert answer.status == 401
    assert re.search(r"token", page.inner_text("body"), re.IGNORECASE)
    assert page.goto(server.address).status == 401


def test_a_token_that_ends_while_the_page_is_open_says_so(visit, server):
    visitor = visit()
    visitor.allowed = r"Failed to load resource: .* 401|401"
    page = visitor.enter()
    page.wait_for_selector("tr[data-run]")
    visitor.context.clear_cookies()
    page.locator("tr[data-run]").first.click()
    page.wait_for_selector("[role=alert]")
    assert "?token=" in page.inner_text("[role=alert]")
