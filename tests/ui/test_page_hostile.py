"""What an attacker can put into names, values, messages, logs and files stays text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser import Server, holds, launch, run_demo, visits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser import Visit
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launch()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[tuple[Server, str]]:
    folder = tmp_path_factory.mktemp("runs <b>")
    run = run_demo(folder, "hostile")
    with Server(folder) as started:
        yield started, run


@pytest.fixture
def visit(browser: Browser, hostile: tuple[Server, str]) -> Iterator[Callable[..., Visit]]:
    yield from visits(browser, hostile[0])


def test_values_logs_and_messages_are_text(visit, hostile):
    page = visit().enter(f"#/run/{hostile[1]}")
    page.wait_for_selector('.card[data-call="step"]')
    page.locator('.card[data-call="step"]').click()
    page.wait_for_selector(".log .ln")
    assert "<img src=x onerror" in page.inner_text(".part-inputs")
    assert "</script><script>" in page.inner_text(".log")
    assert "title" not in page.inner_text(".log")
    page.keyboard.press("Escape")
    page.locator('.card[data-call="bad"]').click()
    page.wait_for_selector(".panel .message")
    holds(page, "document.querySelector('.log')?.textContent.includes('onerror')")
    page.keyboard.press("Escape")
    page.locator('.card[data-call="loop"]').click()
    page.wait_for_selector(".copies .copy")
    assert "<img src=x onerror" in page.inner_text(".copies")
    assert "\\u202eabc" in page.inner_text(".copies"), "a turned writing direction is made visible"
    for key in ("2", "3"):
        page.keyboard.press("Escape")
        page.goto(f"{hostile[0].address}/#/run/{hostile[1]}/{'timeline' if key == '2' else 'steps'}")
        page.wait_for_timeout(500)
    assert "<img src=x" in page.inner_text(".rows")


def test_files_are_shown_as_text_whatever_they_claim_to_be(visit, hostile):
    page = visit().enter(f"#/run/{hostile[1]}")
    page.wait_for_selector('.card[data-call="step"]')
    page.locator('.card[data-call="step"]').click()
    outputs = page.locator(".part-outputs")
    outputs.locator(".artifact").click()
    page.wait_for_selector("text=evil.svg")
    assert outputs.locator(".entry.out").count() == 2, "links that lead out of the run are not followed"
    files = outputs.locator(".entry.file")
    assert files.count() == 7
    for index in range(files.count()):
        files.nth(index).click()
    holds(page, "document.querySelectorAll('.part-outputs .filebar').length === 7")
    page.wait_for_timeout(600)
    assert outputs.locator("img, iframe, object, embed, script").count() == 0
    assert "<img src=x onerror" in page.inner_text(".csv td")
    assert "\\u202etxt.exe" in outputs.inner_text()
    links = page.eval_on_selector_all("a", "all => all.map(one => one.getAttribute('href'))")
    assert all(link.startswith(("#", "/api/")) for link in links), links


def test_an_answer_opened_by_itself_runs_no_script(visit, hostile):
    visitor = visit()
    page = visitor.enter(f"#/run/{hostile[1]}")
    page.wait_for_selector('.card[data-call="step"]')
    page.locator('.card[data-call="step"]').click()
    outputs = page.locator(".part-outputs")
    outputs.locator(".artifact").click()
    for name in ("evil.html", "evil.svg"):
        outputs.locator(".entry.file", has_text=name).click()
    holds(page, "document.querySelectorAll('.part-outputs .filebar a').length === 2")
    for link in page.eval_on_selector_all(".filebar a", "all => all.map(one => one.getAttribute('href'))"):
        other = visitor.context.new_page()
        other.goto(f"{hostile[0].address}{link.replace('as=download', 'as=preview')}")
        assert other.evaluate("window.__pwned") is None
        assert other.evaluate("document.contentType") == "text/plain"
        other.close()


def test_another_page_cannot_frame_or_act(visit, hostile):
    visitor = visit()
    visitor.allowed = r"frame-ancestors|X-Frame-Options|CORS|ERR_FAILED|ERR_BLOCKED|403|401"
    page = visitor.enter()
    page.wait_for_selector("tr[data-run]")
    address, run = hostile[0].address, hostile[1]
    other = visitor.context.new_page()
    other.goto("data:text/html,<body></body>")
    attack = """async ([address, run]) => {
      const answers = [];
      for (const options of [{ method: "POST" }, { method: "POST", mode: "no-cors", credentials: "include" }]) {
        try {
          const answer = await fetch(`${address}/api/runs/${run}/retry`, options);
          answers.push(answer.type === "opaque" ? "opaque" : answer.status);
        } catch (error) { answers.push("refused"); }
      }
      try { await (await fetch(`${address}/api/runs`, { credentials: "include" })).json(); answers.push("read"); }
      catch (error) { answers.push("refused"); }
      return answers;
    }"""
    answers = other.evaluate(attack, [address, run])
    assert "read" not in answers
    assert 200 not in answers
    other.close()
    page.reload()
    page.wait_for_selector("tr[data-run]")
    assert "Failed" in page.inner_text(f'tr[data-run="{run}"]'), "nothing was done to the run"
