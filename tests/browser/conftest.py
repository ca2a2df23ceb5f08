"""Reports in a real browser: Debian's chromium, driven by Playwright."""

import os
import shutil
from pathlib import Path

import pytest
from fusemark.reports import write

from ..reports.stores import write_store
from ..reports.test_pages import NASTY
from ..reports.tuned import write_tuning

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "utd-mhad"
WIDTHS = {"desktop": 1400, "phone": 390}


@pytest.fixture(scope="session")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on the PATH (Debian: apt-get install chromium)")
    # Chromium has no sandbox for root, which a container's user usually is.
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=args)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """The pages by name: of the committed reference run, and of a tuned one with hostile names."""
    folder = tmp_path_factory.mktemp("reports")
    write(REFERENCE, ("html", "csv"), folder / "reference")
    hostile = write_store(folder / "hostile", NASTY)
    write_tuning(hostile / "tuning")
    write(hostile, ("html",))
    return {name: folder / name / "report.html" for name in ("reference", "hostile")}


class Watch:
    """What a page said and asked for since it was opened."""

    def __init__(self, page):
        self.said, self.asked = [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", self.dismiss)
        page.on("request", lambda request: self.asked.append(request.url))

    def dismiss(self, dialog):
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def opened(chromium, reports):
    """Open a report in a context of its own; what it said and asked for is in ``page.watch``."""
    contexts = []

    def opens(name="reference", width="desktop", **settings):
        size = {"width": WIDTHS[width], "height": 900}
        contexts.append(chromium.new_context(viewport=size, **settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.watch = Watch(page)
        page.goto(reports[name].as_uri())
        return page

    yield opens
    for context in contexts:
        context.close()
