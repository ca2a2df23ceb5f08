"""Results as a flat table: one row for each method, quantity, pass, batch and length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .. import spreadsheet
from .scaling import growth, local_slopes, measured_growth

PASSES = ("inference", "training")


@dataclass(frozen=True)
class Row:
    """One number with its place.

    Parameters
    ----------
    method, quantity, work, device, dtype, threads, batch, length, seconds
        Where it stands; ``work`` is inference or training. FLOPs have no device and no type;
        threads only what is measured.
    unit
        ``FLOP``, ``B``, ``s``, ``J`` (of one example) or ``examples/s``.
    value
        None where there is none: ``status`` says why.
    low, high
        Its 95 % interval, where it is measured.
    status
        ``ok``, ``memory`` or ``timeout`` (a limit that was broken), ``failed``.
    mark
        ``extended`` (continued from short lengths), ``uncounted`` (operators without a formula),
        ``unsettled`` (latency whose spread stayed over a tenth), ``over`` (predicted to break the
        memory limit). Of a limit that was broken: ``foreseen`` (so predicted, and not tried) and
        ``skipped`` (not tried behind a shorter length that broke it).
    """

    method: str
    quantity: str
    work: str
    device: str
    dtype: str
    threads: int | None
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
        "threads": cell["threads"] if quantity in ("memory", "latency") else None,
        "batch": cell["batch"], "length": record["length"], "seconds": record["seconds"],
    }  # fmt: skip
    for method in cell["configs"]:
        for work in PASSES:
            if record["status"] != "ok":
                unit = {"flops": "FLOP", "latency": "s"}.get(quantity, "B")
                yield Row(
                    method, quantity, work, **place, unit=unit, value=None,
                    status=record["status"], mark=untried(record["error"] or {}),
                )  # fmt: skip
            elif quantity == "flops" and work in result.get("broken", {}):
                yield broken_row(method, quantity, work, place, "FLOP", result["broken"][work])
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


def untried(error: Mapping[str, Any]) -> str:
    """Return whether a limit was foreseen or a length skipped; empty where it was tried."""
    message = str(error.get("message", ""))
    if message.startswith("not run:"):
        return "skipped"
    return "foreseen" if error.get("type") == "TooSlowError" and " at least" in message else ""


def flops_row(method: str, work: str, found: Mapping[str, Any], place: Mapping[str, Any]) -> Row:
    mark = "extended" if found["extended"] else ""
    mark = "uncounted" if found["uncounted"] else mark
    return Row(method, "flops", work, **place, unit="FLOP", value=found["total"], mark=mark)


def memory_rows(
    method: str, work: str, quantity: str, result: Mapping[str, Any], place: Mapping[str, Any]
) -> Iterator[Row]:
    mark = "extended" if result.get("extended") else ""
    error = result.get("broken", {}).get(work)
    if error is not None:
        yield broken_row(method, quantity, work, place, "B", error)
        return
    yield Row(method, quantity, work, **place, unit="B", value=result[work], mark=mark)
    reserved = result.get(f"{work}_reserved")
    if reserved is not None:
        yield Row(method, "reserved", work, **place, unit="B", value=reserved)
    if quantity == "predicted" and work == "training":
        for part in ("parameters", "gradients", "optimiser", "inputs", "activations"):
            yield Row(method, part, work, **place, unit="B", value=result[part], mark=mark)


def broken_row(
    method: str, quantity: str, work: str, place: Mapping[str, Any], unit: str,
    error: Mapping[str, Any],
) -> Row:  # fmt: skip
    return Row(
        method, quantity, work, **place, unit=unit, value=None, status=error["status"],
        mark=untried(error),
    )  # fmt: skip


def latency_rows(
    method: str, work: str, result: Mapping[str, Any], place: Mapping[str, Any]
) -> Iterator[Row]:
    """Yield a method's time, its ratio to the baseline, its throughput and perhaps its energy."""
    found = result[work]["times"].get(method)
    error = result[work].get("broken", {}).get(method)
    if found is None and error is not None:
        yield broken_row(method, "latency", work, place, "s", error)
        return
    if found is None:
        large = method in result[work]["too_large"]  # by its predicted peak
        yield Row(
            method, "latency", work, **place, unit="s", value=None,
            status="memory" if large else "timeout", mark="foreseen" if large else "",
        )  # fmt: skip
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
        each = energy / place["batch"]
        yield Row(method, "energy", work, **place, unit="J", value=each)


def samples(records: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], list[float]]:
    """Return by (method, work, device, dtype, threads, batch, length) the repeated seconds."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for record in records:
        cell = record["cell"]
        if cell.get("quantity") == "latency" and record["status"] == "ok":
            for work in PASSES:
                for method, times in record["result"][work]["times"].items():
                    machine = (cell["device"], cell["dtype"], cell["threads"])
                    place = (*machine, cell["batch"], record["length"])
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
    threads: int | None
    batch: int
    slope: float
    low: float | None
    high: float | None
    local: float | None
    declared: str


def growths(
    table: Sequence[Row], declared: Mapping[str, str], samples: Mapping[tuple, Sequence[float]]
) -> list[Growth]:
    """Fit the growth of every quantity that has a value at two lengths or more, each once.

    Parameters
    ----------
    declared
        By method, the order that it declares.
    samples
        By (method, work, device, dtype, threads, batch, length), repeated times.
    """
    series: dict[tuple[Any, ...], list[Row]] = {}
    for row in table:
        if row.value and row.quantity in ("flops", "predicted", "memory", "latency"):
            machine = (row.device, row.dtype, row.threads)
            key = (row.method, row.quantity, row.work, *machine, row.batch)
            series.setdefault(key, []).append(row)
    found = []
    for (method, quantity, work, device, dtype, threads, batch), points in series.items():
        points = sorted(points, key=lambda row: row.length)
        lengths, values = [p.length for p in points], [p.value or 0.0 for p in points]
        if len(points) < 2 or len(set(lengths)) < len(lengths):
            continue
        fit = growth(lengths, values)
        if quantity == "latency":
            place = (method, work, device, dtype, threads, batch)
            keys = [(*place, length) for length in lengths]
            fit = measured_growth(lengths, [np.asarray(samples[k]) for k in keys])
        local = local_slopes(lengths, values)[-1] if len(points) > 2 else None
        found.append(
            Growth(
                method, quantity, work, device, dtype, threads, batch, fit.value, fit.low,
                fit.high, local, declared.get(method, ""),
            )
        )  # fmt: skip
    return found


def as_csv(items: Iterable[Any], kind: type) -> str:
    """Return dataclass instances as CSV text."""
    names = [field.name for field in fields(kind)]
    return spreadsheet.as_csv(names, ([getattr(item, n) for n in names] for item in items))
