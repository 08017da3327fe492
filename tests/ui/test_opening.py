"""The address is opened in a real browser by a file, as ``dflow ui`` does it, and the cookie of the visit works."""

from __future__ import annotations

import html

import pytest
from browser import launch

pytestmark = pytest.mark.chromium


@pytest.fixture
def browser():
    yield from launch()


def test_a_file_that_leads_to_the_address_opens_the_page(site, tmp_path, browser):
    page = tmp_path / "open.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(site.url)}">')
    tab = browser.new_page()
    refused = []
    tab.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    tab.goto(page.as_uri())
    tab.get_by_text("good-1").first.wait_for(timeout=20_000)
    assert site.token not in tab.url
    assert refused == []
