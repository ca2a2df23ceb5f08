"""Colours that text is set in can be read, by the formula of WCAG 2.2."""

import pytest
from fusemark.reports.palette import FAINT, GREY, INK, MUTED, PAPER, SERIES

MODES = ("light", "dark")


def luminance(colour):
    parts = [byte / 255 for byte in bytes.fromhex(colour[1:])]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_on_its_own_example():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ground", [PAPER, FAINT], ids=lambda c: c.name)
@pytest.mark.parametrize("colour", [INK, *SERIES], ids=lambda c: c.name)
def test_text_is_readable_on_paper_and_on_a_marked_row(colour, ground, mode):
    assert MUTED in SERIES
    assert contrast(getattr(colour, mode), getattr(ground, mode)) >= 4.5


@pytest.mark.parametrize("mode", MODES)
def test_the_baselines_curve_is_seen_behind_the_others(mode):
    assert contrast(getattr(GREY, mode), getattr(PAPER, mode)) >= 3
