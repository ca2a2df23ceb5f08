"""Figures inside a page: no two share an id, and a name that looks like an attribute stays."""

from fusemark.reports.svg import inline

FIGURE = (
    '<?xml version="1.0"?>\n<svg role="img" aria-label=\'a style="x" b\' width="2pt">'
    '<defs>\n<style type="text/css">*{stroke-linejoin: round}</style>\n</defs>'
    '<clipPath id="p1"/><path clip-path="url(#p1)" style="fill: #0072b2"/>'
    '<use xlink:href="#m1" style="fill: #0072b2"/>'
    '<text style="fill: #1b1f23"> id="p1" style="fill: red" #0072b2</text></svg>'
)


def test_ids_are_prefixed_and_styles_become_classes_of_one_sheet():
    parts, sheet = inline({"one.svg": FIGURE, "two.svg": FIGURE.replace("#1b1f23", "none")})
    assert parts["one.svg"] == (
        '<svg role="img" aria-label=\'a style="x" b\' width="2pt">'
        '<clipPath id="one-p1"/><path clip-path="url(#one-p1)" class="f0"/>'
        '<use xlink:href="#one-m1" class="f0"/>'
        '<text class="f1"> id="p1" style="fill: red" #0072b2</text></svg>'
    )
    assert '<text class="f2">' in parts["two.svg"]
    assert 'id="two-p1"' in parts["two.svg"]
    assert sheet.splitlines() == [
        ".f0 { fill: var(--blue) }", ".f1 { fill: var(--ink) }", ".f2 { fill: none }"
    ]  # fmt: skip
