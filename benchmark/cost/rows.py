"""Results as a flat table: one row for each method, quantity, pass, batch and length."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from .scaling import growth, local_slopes, measured_growth

PASSES = ("inference", "training")


@dataclass(frozen=True)
class Row:
    """One number with its place.

    Parameters
    ----------
    method, quantity, work, device, dtype, batch, length, seconds
        Where it stands; ``work`` is inference or training.
    unit
        ``FLOP``, ``B`` or ``s``.
    value
        None where there is none: ``status`` says why.
    low, high
        Its 95 % interval, where it is measured.
    status
        ``ok``, ``memory`` or ``timeout`` (a limit that was broken), ``failed``.
    mark
        ``extended`` (continued from short lengths), ``uncounted`` (operators without a formula),
        ``unsettled`` (latency whose spread stayed over a tenth), ``over`` (predicted to break the
        memory limit).
    """

    method: str
    quantity: str
    work: str
    device: str
    dtype: str
    batch: int
    length: int
    seconds: float | None
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    status: str = "ok"
    mark: str = ""


def rows(record: Mapping[str, Any], limit: int | None = None) -> Iterator[Row]:
    """Spread a record over rows; predicted memory over the limit, in bytes, is marked."""
    cell = record["cell"]
    quantity, result = cell["quantity"], record.get("result") or {}
    place = {
        "device": "" if quantity == "flops" else cell["device"],
        "dtype": "" if quantity == "flops" else cell["dtype"],
        "batch": cell["batch"], "length": record["length"], "seconds": record["seconds"],
    }  # fmt: skip
    for method in cell["configs"]:
        for work in PASSES:
            if record["status"] != "ok":
                unit = {"flops": "FLOP", "latency": "s"}.get(quantity, "B")
                yield Row(
                    method, quantity, work, **place, unit=unit, value=None, status=record["status"]
                )
            elif quantity == "flops":
                yield flops_row(method, work, result[work], place)
            elif quantity == "latency":
                yield from latency_rows(method, work, result, place)
            else:
                for row in memory_rows(method, work, quantity, result, place):
                    large = quantity == row.quantity == "predicted" and (row.value or 0) > (
                        limit or math.inf
                    )
                    yield replace(row, mark="over") if large else row


def flops_row(method: str, work: str, found: Mapping[str, Any], place: Mapping[str, Any]) -> Row:
    mark = "extended" if found["extended"] else ""
    mark = "uncounted" if found["uncounted"] else mark
    return Row(method, "flops", work, **place, unit="FLOP", value=found["total"], mark=mark)


def memory_rows(
    method: str, work: str, quantity: str, result: Mapping[str, Any], place: Mapping[str, Any]
) -> Iterator[Row]:
    mark = "extended" if result.get("extended") else ""
    yield Row(method, quantity, work, **place, unit="B", value=result[work], mark=mark)
    reserved = result.get(f"{work}_reserved")
    if reserved is not None:
        yield Row(method, "reserved", work, **place, unit="B", value=reserved)
    if quantity == "predicted" and work == "training":
        for part in ("parameters", "gradients", "optimiser", "inputs", "activations"):
            yield Row(method, part, work, **place, unit="B", value=result[part], mark=mark)


def latency_rows(
    method: str, work: str, result: Mapping[str, Any], place: Mapping[str, Any]
) -> Iterator[Row]:
    """Yield a method's time, its ratio to the baseline, its throughput and perhaps its energy."""
    found = result[work]["times"].get(method)
    if found is None:
        status = "memory" if method in result[work]["too_large"] else "timeout"
        yield Row(method, "latency", work, **place, unit="s", value=None, status=status)
        return
    mark = "" if found["settled"] else "unsettled"
    median = found["median"]
    yield Row(method, "latency", work, **place, unit="s", value=median, mark=mark)
    yield Row(method, "latency p95", work, **place, unit="s", value=found["p95"], mark=mark)
    yield Row(method, "latency iqr", work, **place, unit="s", value=found["iqr"], mark=mark)
    yield Row(method, "repeats", work, **place, unit="", value=found["repeats"])
    yield Row(
        method, f"ratio to {result[work]['baseline']}", work, **place, unit="",
        value=found["ratio"], low=found["low"], high=found["high"], mark=mark,
    )  # fmt: skip
    throughput = place["batch"] / median
    yield Row(method, "throughput", work, **place, unit="examples/s", value=throughput, mark=mark)
    energy = result["joules"].get(method) if work == "inference" else None
    if energy is not None:
        yield Row(method, "energy", work, **place, unit="J", value=energy)


def samples(records: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], list[float]]:
    """Return the repeated times, in seconds, by (method, work, device, dtype, batch, length)."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for record in records:
        cell = record["cell"]
        if cell.get("quantity") == "latency" and record["status"] == "ok":
            for work in PASSES:
                for method, times in record["result"][work]["times"].items():
                    place = (cell["device"], cell["dtype"], cell["batch"], record["length"])
                    found[(method, work, *place)] = times["samples"]
    return found


@dataclass(frozen=True)
class Growth:
    """How one quantity of one method grows with the length.

    Parameters
    ----------
    slope, low, high
        Exponent over the upper half of the lengths, with its interval where it is measured.
    local
        Exponent at the longest length, by the parabola through the last three.
    declared
        The order that the method declares.
    """

    method: str
    quantity: str
    work: str
    device: str
    dtype: str
    batch: int
    slope: float
    low: float | None
    high: float | None
    local: float | None
    declared: str


def growths(
    table: Sequence[Row], declared: Mapping[str, str], samples: Mapping[tuple, Sequence[float]]
) -> list[Growth]:
    """Fit the growth of every quantity that has a value at two lengths or more.

    Parameters
    ----------
    declared
        By method, the order that it declares.
    samples
        By (method, work, device, dtype, batch, length), repeated times.
    """
    series: dict[tuple[Any, ...], list[Row]] = {}
    for row in table:
        if row.value and row.quantity in ("flops", "predicted", "memory", "latency"):
            key = (row.method, row.quantity, row.work, row.device, row.dtype, row.batch)
            series.setdefault(key, []).append(row)
    found = []
    for (method, quantity, work, device, dtype, batch), points in series.items():
        points = sorted(points, key=lambda row: row.length)
        lengths, values = [p.length for p in points], [p.value or 0.0 for p in points]
        if len(points) < 2:
            continue
        fit = growth(lengths, values)
        if quantity == "latency":
            keys = [(method, work, device, dtype, batch, length) for length in lengths]
            fit = measured_growth(lengths, [np.asarray(samples[k]) for k in keys])
        local = local_slopes(lengths, values)[-1] if len(points) > 2 else None
        found.append(
            Growth(
                method, quantity, work, device, dtype, batch, fit.value, fit.low, fit.high, local,
                declared.get(method, ""),
            )
        )  # fmt: skip
    return found


def as_csv(items: Iterable[Any], kind: type) -> str:
    """Return dataclass instances as CSV text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(item) for item in items)
    return text.getvalue()
