"""The pages: self-contained, the same bytes, and harmless whatever a method is called."""

import re
import shutil
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from fusemark.reports import write
from fusemark.reports.palette import COLOURS
from markdown_it import MarkdownIt

from .stores import HOSTILE, ODD, Spec, write_store

NASTY = Spec(
    methods={HOSTILE: 1.5, ODD: 2.0, "late-concat": 1.0, "only:\u202ebad\x00": 0.5},
    datasets=(HOSTILE, "<!-- --> </table> $x$ $y$"),
    classes=("</svg><script>alert(2)</script>", ODD, '" onload="alert(3)', "d"),
    seeds=(0, 1, 2, 3),
    examples=60,
    fail={(HOSTILE, 1): ("failed", "</pre><script>", f"</pre>\n\n{HOSTILE}\n# {ODD}")},
)


class Page(HTMLParser):
    """Elements with their attributes, in order."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def values(self, name):
        return [a[name] for _, a in self.elements if name in a]

    def all(self, tag):
        return [a for t, a in self.elements if t == tag]


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    store = write_store(tmp_path_factory.mktemp("nasty"), NASTY)
    return store, write(store)


def test_html_runs_nothing_of_others_and_fetches_nothing(nasty):
    store, _ = nasty
    text = (store / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"iframe", "object", "embed", "img", "base", "form"}
    assert page.all("script") == page.all("style") == [{}]  # one of each, and its text in place
    assert all(h.startswith(("#", "data:,")) for h in page.values("href"))
    assert all(h.startswith("#") for h in page.values("xlink:href"))
    assert not page.values("src")
    assert not [n for _, a in page.elements for n in a if n.startswith("on")]
    assert "url(http" not in text
    assert "@import" not in text


def test_the_policy_allows_the_pages_own_script_and_style_alone(nasty):
    store, _ = nasty
    text = (store / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    (policy,) = [a["content"] for a in page.all("meta") if "http-equiv" in a]
    hashes = [
        b64encode(sha256(re.search(rf"<{tag}>(.*?)</{tag}>", text, re.S)[1].encode()).digest())
        for tag in ("style", "script")
    ]
    style, script = (f"'sha256-{each.decode()}'" for each in hashes)
    assert policy.split("; ") == [
        "default-src 'none'", "img-src data:", f"style-src {style}", f"script-src {script}",
        "base-uri 'none'", "form-action 'none'",
    ]  # fmt: skip
    assert not page.values("style")  # the policy would leave such an attribute without effect


def test_html_shows_the_hostile_name_as_text(nasty):
    store, _ = nasty
    text = (store / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\u202e" not in text
    assert "\x00" not in text


def test_every_link_has_its_target_and_no_id_stands_twice(nasty):
    store, _ = nasty
    page = Page((store / "report.html").read_text(encoding="utf-8"))
    ids = Counter(page.values("id"))
    assert max(ids.values()) == 1
    wanted = {h[1:] for h in page.values("href") + page.values("xlink:href") if h[0] == "#"}
    assert wanted <= set(ids)


def test_tables_have_captions_and_every_head_its_scope(nasty):
    store, _ = nasty
    page = Page((store / "report.html").read_text(encoding="utf-8"))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert {a.get("scope") for a in page.all("th")} == {"row", "col"}
    assert all(a.get("role") == "img" and a.get("aria-label") for a in page.all("svg"))


def test_every_table_caption_states_the_size(tmp_path):
    store = write_store(
        tmp_path, Spec(size="paper", methods={"late-concat": 1.0, "mult": 1.5}, seeds=(0, 1))
    )
    write(store, ("md",))
    text = (store / "report.md").read_text(encoding="utf-8")
    captions = [line for line in text.splitlines() if line.startswith('<a id="d1-')]
    assert len(captions) == 11
    assert all("size paper" in line for line in captions)


def test_markdown_does_no_harm(nasty):
    store, _ = nasty
    text = (store / "report.md").read_text(encoding="utf-8")
    page = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    tags = Counter(tag for tag, _ in page.elements)
    assert not tags.keys() & {"script", "iframe", "h4", "em" if not tags["td"] else "script"}
    links = page.values("href")
    assert links
    assert all(h.startswith("#") for h in links)
    assert all(s.startswith(("report_files/d", "report_files/a")) for s in page.values("src"))
    assert tags["pre"] == 2 + 1  # a traceback for each dataset, and the command
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert tags["tr"] == len(rows) - tags["table"]  # the rule under each head is no row


def test_markdown_tables_keep_their_columns(nasty):
    store, _ = nasty
    widths = set()
    for line in (store / "report.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| "):
            widths.add(line.count(" |"))
        elif widths:
            assert len(widths) == 1
            widths = set()


def test_figures_are_well_formed_and_hold_the_names(nasty):
    _, paths = nasty
    figures = [p for p in paths if p.suffix == ".svg"]
    assert len(figures) == 2 * 5 + 1  # the last is over both datasets
    for path in figures:
        root = ElementTree.parse(path).getroot()
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not names & {"script", "image", "metadata", "foreignObject"}
    texts = " ".join(ElementTree.parse(figures[0]).getroot().itertext())
    assert HOSTILE in texts
    assert "a_b&c%$|x`y*[z](http://e.x)" in texts


def test_equal_stores_give_equal_bytes(nasty, tmp_path):
    store, paths = nasty
    before = {p.relative_to(store): p.read_bytes() for p in paths}
    shutil.copytree(store / "cells", tmp_path / "elsewhere" / "cells")
    shutil.copy(store / "plan.json", tmp_path / "elsewhere")
    again = write(tmp_path / "elsewhere", out=tmp_path / "out")
    assert {p.relative_to(tmp_path / "out"): p.read_bytes() for p in again} == before


def test_figures_of_an_earlier_report_go(tmp_path):
    store = write_store(tmp_path, Spec(methods={"late-concat": 1.0}, seeds=(0,)))
    (store / "report_files").mkdir()
    (store / "report_files" / "d9-scores.svg").write_text("old")
    written = {p.name for p in write(store) if p.suffix == ".svg"}
    assert {p.name for p in (store / "report_files").iterdir()} == written


def test_page_has_both_modes_and_a_print_style(nasty):
    store, _ = nasty
    text = (store / "report.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    head, body = text.split("<body>")
    rules = head.split("figure svg *")[1]
    assert "fill: var(--blue)" in rules  # every colour of a figure is a variable of the page
    for colour in COLOURS:
        assert colour.light not in rules
        assert colour.light not in body


def test_csv_has_a_row_for_each_method(nasty):
    import csv

    store, _ = nasty
    path, further = write(store, ("csv",))
    assert further.name == "statistics.csv"
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert len(rows) == 2 * len(NASTY.methods)
    assert {r["method"] for r in rows} >= {HOSTILE, ODD}
    assert all(0 <= float(r["macro_f1_mean"]) <= 1 for r in rows)


@pytest.mark.slow
def test_two_thousand_cells_in_half_a_minute(tmp_path):
    import time

    methods = {f"method-{i}": i / 8 for i in range(19)} | {"late-concat": 1.0}
    datasets = tuple(f"data-{i}" for i in range(5))
    store = write_store(
        tmp_path, Spec(methods=methods, datasets=datasets, seeds=tuple(range(20)), epochs=60)
    )
    started = time.perf_counter()
    write(store)
    assert time.perf_counter() - started < 30
    assert (store / "report.html").stat().st_size < 5e6
