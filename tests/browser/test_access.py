"""Readers who do not see well: axe-core's rules, in both modes and at both widths."""

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["reference", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_axe_finds_nothing_serious(opened, name, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(name, width, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
    page.locator("td[data-sentence]").first.focus()
    page.locator("#view summary").click()
    found = axe.run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [(one["id"], one["nodes"][0]["html"][:200]) for one in serious]
