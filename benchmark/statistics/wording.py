"""Numbers as a paper writes them, shared by the sentences of all results."""

from __future__ import annotations

import math


def number(value: float, digits: int = 3) -> str:
    """Write a number with `digits` significant figures, and never in exponent form above 1e-4.

    >>> number(1.23456), number(123.456), number(0.05), number(float("nan"))
    ('1.23', '123', '0.05', 'unknown')
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def p_value(p: float, name: str = "p") -> str:
    """Write a p-value: no leading zero, three decimals, and a floor at .001.

    >>> p_value(0.0312), p_value(1e-9), p_value(1.0), p_value(0.9999)
    ('p = .031', 'p < .001', 'p = 1', 'p > .999')
    """
    if math.isnan(p):
        return f"{name} unknown"
    if p < 0.001:
        return f"{name} < .001"
    if p == 1.0:
        return f"{name} = 1"
    if p > 0.999:
        return f"{name} > .999"
    return f"{name} = {f'{p:.3f}'.lstrip('0')}"


def percent(value: float) -> str:
    """Write a share as a percentage: ``95 %``, ``99.5 %``."""
    return f"{100 * value:.4g} %"


def interval(low: float, high: float, confidence: float = 0.95) -> str:
    """Write an interval with its confidence: ``95 % interval 0.1 to 0.3``."""
    return f"{percent(confidence)} interval {number(low)} to {number(high)}"


def count(n: int, noun: str) -> str:
    """Write a count with its noun in the right number: ``1 pair``, ``20 pairs``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


SIDED = {"greater": "one-sided", "less": "one-sided", "two-sided": "two-sided"}
"""How a sentence names the alternative hypothesis."""
