"""The page in a browser: it asks for nothing, sorts, filters, reads out a pair, and turns dark."""

import csv

import pytest
from fusemark.reports.palette import PAPER

from ..reports.stores import HOSTILE

pytestmark = pytest.mark.browser

BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"


def rgb(colour):
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:]))


def rows(page, table):
    """Return the names of a table's rows that are seen, in order."""
    return page.locator(f"#{table} tbody tr:visible th").locator("code").all_inner_texts()


def heads(page, table):
    return page.locator(f"#{table} thead th:visible").all_inner_texts()


def sort(page, table, label):
    page.locator(f"#{table} thead").get_by_role("button", name=label, exact=True).click()


@pytest.mark.parametrize("name", ["reference", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_an_error_and_asks_for_nothing_else(opened, reports, name, scheme):
    page = opened(name, color_scheme=scheme)
    page.mouse.wheel(0, 1e5)
    page.wait_for_timeout(200)
    assert page.watch.said == []
    assert page.watch.asked == [reports[name].as_uri()]


def test_the_policy_forbids_the_network_and_any_other_script_and_style(opened):
    page = opened()
    caught = page.evaluate("""async () => {
        const caught = [];
        document.addEventListener("securitypolicyviolation",
            (event) => caught.push(event.effectiveDirective));
        for (const [tag, text] of [["script", "window.ran = 1"], ["style", "* { color: red }"]]) {
            const element = document.createElement(tag);
            element.textContent = text;
            document.body.append(element);
        }
        document.body.setAttribute("onclick", "window.ran = 2");
        document.body.setAttribute("style", "color: red");
        document.body.click();
        await fetch("https://example.org").catch(() => {});
        new Image().src = "https://example.org/a.png";
        await new Promise((done) => setTimeout(done, 200));
        return [caught.sort(), window.ran ?? null];
    }""")
    kinds = ["connect-src", "img-src", "script-src-attr", "script-src-elem"]
    assert caught == [[*kinds, "style-src-attr", "style-src-elem"], None]


def test_hostile_names_stay_text_when_the_page_handles_them(opened):
    page = opened("hostile")
    page.get_by_text("Filter", exact=True).click()
    page.locator("fieldset[data-choice=method] label", has_text=HOSTILE).locator("input").uncheck()
    assert HOSTILE not in rows(page, "d1-leaderboard")
    page.get_by_role("button", name="Show all").click()
    assert HOSTILE in rows(page, "d1-leaderboard")
    page.locator(f'#d1-matrix tr[data-method="{HOSTILE}"] td[data-sentence]').first.hover()
    assert HOSTILE in page.locator(".pair").first.inner_text()
    sort(page, "d1-leaderboard", "accuracy")
    assert page.watch.said == []


def test_a_column_head_sorts_by_the_values_themselves(opened, reports):
    page = opened()
    text = (reports["reference"].parent / "leaderboard.csv").read_text(encoding="utf-8")
    found = list(csv.DictReader(text.splitlines()))
    for label, key in (("ECE", "ece_mean"), ("log loss", "log_loss_mean"),
                       ("parameters", "parameters")):  # fmt: skip
        order = sorted(found, key=lambda row: -float(row[key]))
        expected = [row["method"] for row in order]
        sort(page, "d1-leaderboard", label)
        assert rows(page, "d1-leaderboard") == expected
        sort(page, "d1-leaderboard", label)
        assert rows(page, "d1-leaderboard") == expected[::-1]
        head = page.locator("#d1-leaderboard th[aria-sort]")
        assert head.inner_text().strip() == label
        assert head.get_attribute("aria-sort") == "ascending"
    assert page.locator("#d1-leaderboard tfoot th").inner_text().startswith("chance")


def test_the_keyboard_sorts_names_too(opened):
    page = opened()
    page.locator("#d1-leaderboard").get_by_role("button", name="method").focus()
    page.keyboard.press("Enter")
    names = rows(page, "d1-leaderboard")
    assert names == sorted(names)
    page.keyboard.press("Space")
    assert rows(page, "d1-leaderboard") == names[::-1]


def test_unknown_values_come_last_in_both_directions(opened):
    page = opened()
    for _ in range(2):
        sort(page, "d1-absent", "without inertial")
        assert rows(page, "d1-absent")[-1] == "only:skeleton"


def test_methods_are_chosen_by_words_and_by_boxes(opened):
    page = opened()
    every = rows(page, "d1-leaderboard")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Methods with").fill("Mult skel")
    for table in ("d1-leaderboard", "d1-matrix", "d1-absent", "d1-tests", "d1-evidence"):
        assert set(rows(page, table)) == {"mult", "only:skeleton"} & set(rows(page, table))
    assert rows(page, "d1-leaderboard") == ["only:skeleton", "mult"]
    assert page.locator("#d1-leaderboard tfoot tr").is_visible()
    assert page.get_by_role("status").inner_text() == "Hidden: 5 of 7 methods"
    page.get_by_role("checkbox", name="mult", exact=True).uncheck()
    assert rows(page, "d1-leaderboard") == ["only:skeleton"]
    assert page.get_by_role("status").inner_text() == "Hidden: 6 of 7 methods"
    page.get_by_role("button", name="Show all").click()
    assert rows(page, "d1-leaderboard") == every
    assert page.get_by_role("status").inner_text() == ""


def test_pairs_stay_while_one_of_the_two_is_chosen(opened):
    page = opened()
    page.get_by_text("All pairs").click()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Methods with").fill("ladder")
    shown = page.locator("#d1-pairs tbody tr:visible")
    assert shown.count() == 6
    assert all("ladder" in text for text in shown.all_inner_texts())


def test_metrics_are_columns_of_the_leaderboards(opened):
    page = opened()
    before = heads(page, "d1-leaderboard")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_role("checkbox", name="ECE").uncheck()
    page.get_by_role("checkbox", name="log loss").uncheck()
    left = [label for label in before if label not in ("ECE", "log loss")]
    assert heads(page, "d1-leaderboard") == left
    shown = page.locator("#d1-leaderboard tbody tr").first.locator("th, td")
    assert [cell.is_visible() for cell in shown.all()].count(True) == len(left)
    assert page.get_by_role("status").inner_text() == "Hidden: 2 of 7 metrics"


def test_datasets_are_sections_with_their_links(opened):
    page = opened("hostile")
    page.get_by_text("Filter", exact=True).click()
    boxes = page.locator("fieldset[data-choice=dataset] input")
    assert boxes.count() == 2
    boxes.first.uncheck()
    assert not page.locator("#d1").is_visible()
    assert page.locator("#d2").is_visible()
    assert not page.locator('nav a[href="#d1"]').is_visible()
    assert not page.locator('#summary a[href="#d1"]').is_visible()
    assert "1 of 2 datasets" in page.get_by_role("status").inner_text()


def test_the_matrix_says_its_pair_to_pointer_and_keyboard(opened):
    page = opened()
    line = page.locator(".pair")
    cell = page.locator('td[data-row="chunked"][data-column="late-concat"]')
    cell.hover()
    assert line.inner_text() == cell.get_attribute("data-sentence")
    assert line.inner_text().startswith("chunked against late-concat: worse; −7.77 points")
    assert line.get_attribute("aria-live") == "polite"
    # One stop for the tab key, the arrow keys from there, over the empty diagonal.
    assert page.locator('#d1-matrix td[tabindex="0"]').count() == 1
    page.locator('#d1-matrix td[tabindex="0"]').focus()
    assert line.inner_text().startswith("late-concat against early-concat")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert line.inner_text().startswith("early-concat against ladder")
    page.keyboard.press("ArrowDown")
    assert line.inner_text().startswith("only:skeleton against ladder")
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    assert line.inner_text().startswith("late-concat against ladder")
    # Where its row is filtered out, the tab key's stop moves to one that is left.
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Methods with").fill("ladder")
    assert page.locator('#d1-matrix td[tabindex="0"]').get_attribute("data-row") == "ladder"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_the_reader_chooses(opened, scheme):
    page = opened(color_scheme=scheme)
    assert page.evaluate(BACKGROUND) == rgb(getattr(PAPER, scheme))
    other = {"light": "dark", "dark": "light"}[scheme]
    page.get_by_label("Colours").select_option(other)
    assert page.evaluate(BACKGROUND) == rgb(getattr(PAPER, other))
    fill = "getComputedStyle(document.querySelector('figure svg path')).fill"
    assert page.evaluate(fill) == rgb(getattr(PAPER, other))  # a figure's ground
    page.reload()
    assert page.evaluate(BACKGROUND) == rgb(getattr(PAPER, other))
    page.emulate_media(media="print")
    assert page.evaluate(BACKGROUND) == rgb(PAPER.light)


def test_without_a_script_the_page_reads_the_same(opened):
    plain, whole = opened(java_script_enabled=False), opened()
    assert not plain.locator("#view").is_visible()
    for table in ("d1-leaderboard", "d1-matrix", "d1-evidence"):
        assert rows(plain, table) == rows(whole, table)
        assert heads(plain, table) == heads(whole, table)


@pytest.mark.parametrize("name", ["reference", "hostile"])
def test_a_phone_scrolls_tables_and_never_the_page(opened, name):
    page = opened(name, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
