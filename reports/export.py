"""The leaderboard of every table as one CSV file, in full precision."""

from __future__ import annotations

from ..benchmark.spreadsheet import as_csv
from .collect import Report
from .metrics import COLUMNS, MICRO, SENTIMENT

HEAD = ("dataset", "size", "method", "baseline", "rank_low", "rank_high", "seeds_done",
        "seeds_asked", "parameters")  # fmt: skip
PLAN = ("plan", "plan_fixed")
SPREAD = ("mean", "sd", "low", "high")


def leaderboard(report: Report) -> str:
    """Return one row for each method of each table; what is not known is empty."""
    several = (COLUMNS["classification"], MICRO, COLUMNS["regression"], *SENTIMENT.values())
    keys = list(dict.fromkeys(metric.key for metrics in several for metric in metrics))
    shown = [k for k in keys if any(k in r.estimates for t in report.tables for r in t.standings)]
    shares = ("share_own_ceiling", "share_full_ceiling")
    spread = (f"{key}_{part}" for key in shown for part in SPREAD)
    plan = (report.provenance.plan_hash, report.provenance.fixed)
    rows = []
    for table in report.tables:
        for row in table.standings:
            tested = table.pairs is not None and table.pairs.tested
            ranks = (table.pairs.rank(row.label) if table.pairs and tested else None) or (None,) * 2
            known = (
                *(table.title, table.size, row.label, int(row.baseline)),
                *(*ranks, row.done, row.asked),
            )
            figures = []
            for key in shown:
                estimate = row.estimates.get(key)
                for part in SPREAD:
                    figures.append(None if estimate is None else getattr(estimate.interval, part))
            figures += [row.share_own, row.share_all]
            rows.append((*known, row.parameters, *figures, *plan))
    return as_csv((*HEAD, *spread, *shares, *PLAN), rows)
