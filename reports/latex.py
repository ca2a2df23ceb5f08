"""The leaderboards and planned comparisons as LaTeX: a document, and a file for each table."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import captions, evidence_grid
from .collect import Report, Table
from .formatting import MINUS, difference, p_value, value
from .grids import leaders, rank_of
from .metrics import Metric
from .standings import Standing
from .wording import Name, Sentence

FOLDER = "report_tables"
PAGE = 30  # rows that a page holds
MARKED = {
    "better": r"\textsuperscript{$\blacktriangle$}",
    "worse": r"\textsuperscript{$\blacktriangledown$}",
}
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", "-": "{-}", "[": "{[}", "]": "{]}",
    MINUS: r"\ensuremath{-}", "–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\ldots{}",
    "±": r"\ensuremath{\pm}", "²": r"\ensuremath{^2}", "∞": r"\ensuremath{\infty}",
    "·": r"\textperiodcentered{}", "\u00a0": "~",
}  # fmt: skip
"""Everything that LaTeX reads, ligatures among them, and the signs that the report itself sets."""
PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{textcomp}
\usepackage{amssymb}
\usepackage{booktabs}
\usepackage{longtable}
\usepackage{graphicx}
\usepackage[a4paper,landscape,margin=18mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\AtBeginDocument{\raggedright}
"""


@dataclass(frozen=True)
class Document:
    """A whole document, and by file name the tables that it puts in."""

    text: str
    tables: dict[str, str]


def escaped(text: object) -> str:
    r"""Return a text that LaTeX sets as it stands; what its fonts lack becomes a question mark.

    >>> print(escaped("a_b&c%$ <s>"))
    a\_b\&c\%\$ \textless{}s\textgreater{}
    """
    return "".join(SPECIAL.get(letter) or plain(letter) for letter in str(text))


def plain(letter: str) -> str:
    """Return a letter of Latin 1 or its base letter; any other is a question mark.

    pdfLaTeX stops at a letter that its fonts have no glyph for.
    """
    if letter in "\n\t":
        return " "
    if " " <= letter <= "~" or (letter.isalpha() and letter <= "ÿ"):
        return letter
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isascii() and base.isalnum() else "?"


def latex(report: Report, sentences: Iterable[tuple[str, Sequence[Sentence]]]) -> Document:
    """Set a report.

    Parameters
    ----------
    sentences
        Titles and findings of the summary.
    """
    tables: dict[str, str] = {}
    for table in report.tables:
        if table.standings:
            tables[f"{table.anchor}-leaderboard.tex"] = leaderboard(table)
        if table.evidence:
            tables[f"{table.anchor}-comparisons.tex"] = comparisons(table)
    plan = report.provenance.plan_hash
    hashed = f" Plan \\texttt{{{escaped(plan)}}}." if plan else ""
    origin = [f"{report.done} of {report.cells} cells ended well.{hashed}"]
    if report.provenance.registered:
        origin.append(escaped(report.provenance.registered))
    body = [r"\section*{Results}", " ".join(origin)]
    for title, said in sentences:
        if said:
            items = "\n".join(rf"\item {say(one)}" for one in said)
            body.append(rf"\subsection*{{{escaped(title or 'The run')}}}")
            body.append(f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
    body += [f"\\clearpage\n\\input{{{FOLDER}/{name}}}" for name in tables]
    text = "\n\n".join([PREAMBLE + r"\begin{document}", *body, r"\end{document}"]) + "\n"
    return Document(text, tables)


def say(sentence: Sentence) -> str:
    """Set a sentence, its names in typewriter."""
    parts = (named(part) if isinstance(part, Name) else escaped(part) for part in sentence.parts)
    return "".join(parts)


def named(name: object) -> str:
    """Set a method's or dataset's name."""
    return rf"\texttt{{{escaped(name)}}}"


def leaderboard(table: Table) -> str:
    """Set a leaderboard: mean and standard deviation, best in bold, marks of the planned tests."""
    shown = [m for m in table.metrics if any(r.estimates[m.key].known for r in table.standings)]
    shown = shown or [table.primary]
    verdicts = {e.method: e.verdict for e in table.evidence if e.other == table.baseline}
    ranks = {row.label: rank_of(table, row.label) for row in table.standings}
    ranked = any(ranks.values())
    head = ["method", *(["rank"] if ranked else []), "seeds", *(m.label for m in shown)]
    best = {m.key: leaders(table, m) for m in shown}
    rows = []
    for row in table.standings:
        mark = MARKED.get(verdicts.get(row.label, ""), "")
        role = " (baseline)" if row.baseline else ""
        entries = [f"{named(row.label)}{mark}{role}"]
        entries += [escaped(ranks[row.label])] if ranked else []
        entries.append(f"{row.done}/{row.asked}")
        entries += [estimated(row, m, row.label in best[m.key]) for m in shown]
        rows.append(entries)
    text = (
        f"{captions.head(table)}: mean and standard deviation over seeds, the best mean in bold"
        f"{', in per cent but log loss' if table.kind == 'classification' else ''}; sorted by "
        f"{table.primary.label} ({table.primary.direction})."
    )
    caption = escaped(text)
    if verdicts:
        first = max(table.evidence, key=lambda e: e.test.seeds)
        test = (
            f" after {evidence_grid.correction(table)} (two-sided {evidence_grid.test(first)}, "
            f"{first.holds_for}; {evidence_grid.tested(first)})."
        )
        caption += (
            f" {MARKED['better']} better, {MARKED['worse']} worse than the baseline "
            rf"{named(table.baseline)} at corrected $p < {first.rules.alpha:g}${escaped(test)}"
        )
    if ranked:
        caption += escaped(" Rank: what the tests of every two methods leave open.")
    return floated(f"{table.anchor}-leaderboard", caption, head, rows)


def estimated(row: Standing, metric: Metric, strong: bool) -> str:
    """Set a mean and its standard deviation."""
    estimate = row.estimates[metric.key]
    text = escaped(value(metric, estimate.mean))
    if strong:
        text = rf"\textbf{{{text}}}"
    if math.isfinite(estimate.interval.sd):
        spread = escaped(value(metric, estimate.interval.sd))
        text += rf" {{\footnotesize\ensuremath{{\pm}}{spread}}}"
    return text


def comparisons(table: Table) -> str:
    """Set the planned comparisons: difference, interval, p, verdict."""
    first = table.evidence[0]
    interval = f"{100 * first.test.confidence:g} % interval"
    labels = ("method", "against", f"difference, {first.metric.unit}", interval, "p", "p (Holm)",
              "verdict")  # fmt: skip
    rows = []
    for found in table.evidence:
        verdict = escaped(found.verdict)
        figures = evidence_grid.figures(found)
        rows.append(
            [
                named(found.method),
                named(found.other),
                escaped(difference(found.metric, found.test.difference)),
                escaped(figures[3].text),
                escaped(p_value(found.test.p, found.rules.alpha)),
                escaped(p_value(found.adjusted, found.rules.alpha)),
                rf"\textbf{{{verdict}}}" if found.separated else verdict,
            ]
        )
    return floated(
        f"{table.anchor}-comparisons", escaped(evidence_grid.caption(table)), labels, rows
    )


def floated(label: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set a booktabs table: shrunk where it is wider than the page, over pages where it is longer.

    Parameters
    ----------
    caption, rows
        LaTeX already; the head is text.
    """
    words = 2 if head[1] == "against" else 1
    last = int(head[-1] == "verdict")
    shape = "@{}" + "l" * words + "r" * (len(head) - words - last) + "l" * last + "@{}"
    top = " & ".join(map(escaped, head)) + r" \\"
    lines = "\n".join(" & ".join(row) + r" \\" for row in rows)
    title = f"\\caption{{{caption}}}\\label{{tab:{label}}}"
    if len(rows) > PAGE:
        return (
            f"{{\\footnotesize\n\\begin{{longtable}}{{{shape}}}\n{title}\\\\\n\\toprule\n{top}\n"
            f"\\midrule\n\\endfirsthead\n\\toprule\n{top}\n\\midrule\n\\endhead\n"
            f"\\bottomrule\n\\endfoot\n{lines}\n\\end{{longtable}}\n}}\n"
        )
    return (
        f"\\begin{{table}}[htbp]\n\\centering\n{title}\n\\sbox0{{%\n"
        f"\\begin{{tabular}}{{{shape}}}\n\\toprule\n{top}\n\\midrule\n{lines}\n\\bottomrule\n"
        "\\end{tabular}%\n}\n"
        "\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi\n"
        "\\end{table}\n"
    )
