"""The address is opened in a real browser by a file, as ``dflow ui`` does it, and the cookie of the visit works."""

from __future__ import annotations

import html
import os
import shutil

import pytest

pytestmark = pytest.mark.chromium


def test_a_file_that_leads_to_the_address_opens_the_page(site, tmp_path):
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        assert os.environ.get("DFLOW_TEST_SERVICES") != "required", "there is no chromium"
        pytest.skip("there is no chromium")
    page = tmp_path / "open.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(site.url)}">')
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        refused = []
        tab.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        tab.goto(page.as_uri())
        tab.get_by_text("good-1").first.wait_for(timeout=20_000)
        assert site.token not in tab.url
        assert refused == []
        browser.close()
