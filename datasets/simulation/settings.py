"""Settings of one simulated task with every default filled in, checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...benchmark.contract import UserError
from ...benchmark.contract.errors import near

MAX_LENGTH = 8192
MAX_SYMBOLS = 32


@dataclass(frozen=True)
class Settings:
    """What a simulated task is drawn from.

    Parameters
    ----------
    clips, speakers
        Numbers of examples and of speakers; clip i is spoken by speaker i modulo ``speakers``.
    symbols
        Size of the alphabet of symbols (in ``lag`` the number of lags).
    audio_width, visual_width
        Features of one step.
    seed
        Everything is drawn from it: two equal settings give equal examples, bit by bit.
    noise, speaker_offset
        Standard deviations, in each feature, of the noise of a step and of the constant vector
        that a speaker adds to all of them. A symbol's pattern has the amplitude of its task.
    label_noise
        Probability that a label is replaced by a uniform draw over the classes.
    shortest, longest
        Bounds of the duration of a clip, in seconds.
    speaking_rate, rate_spread
        Factor on the speed of all clips, and the standard deviation of the logarithm of a clip's
        own speed, half of whose variance is the speaker's.
    length, event
        ``long`` alone: visual steps of the longest clip, and visual steps that an event lasts.
    informative
        ``unique`` alone: the modality that shows the label.
    """

    clips: int
    speakers: int
    symbols: int
    audio_width: int
    visual_width: int
    seed: int = 0
    noise: float = 1.0
    speaker_offset: float = 0.3
    label_noise: float = 0.0
    shortest: float = 1.5
    longest: float = 2.0
    speaking_rate: float = 1.0
    rate_spread: float = 0.2
    length: int = 512
    event: int = 8
    informative: str = "audio"

    def width(self, modality: str) -> int:
        """Features of one step of a modality."""
        return self.audio_width if modality == "audio" else self.visual_width


TIMING = frozenset({"shortest", "longest", "speaking_rate", "rate_spread"})
"""Settings of the tasks whose clips have a duration in seconds: all but ``long``."""

EVERYWHERE = frozenset(f.name for f in fields(Settings)) - TIMING.union(
    ("symbols", "length", "event", "informative")
)
"""Settings that every task has."""


def resolve(
    owner: str, given: Mapping[str, Any], defaults: Mapping[str, Any], has: Collection[str]
) -> Settings:
    """Fill in a task's defaults where a setting is None, and check all.

    Parameters
    ----------
    owner
        Name of the dataset, for messages: ``simulated:lag``.
    given
        Settings by name; None where the task's default is meant.
    defaults
        The task's values, where ``Settings`` has none or another.
    has
        The settings that the task has beside those that every task has.

    Raises
    ------
    UserError
        A setting that the task does not have, or an impossible value.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    allowed = EVERYWHERE | set(has)
    for name in chosen:
        if name not in allowed:
            raise UserError(
                f"{owner} has no setting {name!r}{near(name, allowed) or '.'} "
                f"Leave it out; it has: {', '.join(sorted(allowed))}"
            )
    settings = Settings(**{**defaults, **chosen})
    check(owner, settings)
    return settings


def refuse(owner: str, settings: Settings, name: str, expected: str) -> UserError:
    """Word the error of an impossible value."""
    return UserError(
        f"{owner}.{name}={getattr(settings, name)!r} is impossible; expected {expected}"
    )


def check(owner: str, settings: Settings) -> None:
    """Raise UserError where a value is impossible in any task."""
    s = settings
    enough = f"one for each of the {s.speakers} speakers, or more"
    wide = f"{s.symbols} or more, one for each symbol"
    positive = "a finite number, 0 or more"
    conditions = [
        ("speakers", s.speakers >= 3, "3 or more, one for each part of a split"),
        ("clips", s.clips >= s.speakers, enough),
        ("symbols", 2 <= s.symbols <= MAX_SYMBOLS, f"2 to {MAX_SYMBOLS}"),
        ("audio_width", s.audio_width >= s.symbols, wide),
        ("visual_width", s.visual_width >= s.symbols, wide),
        ("seed", 0 <= s.seed < 2**63, "0 to 2^63 - 1"),
        ("noise", 0 <= s.noise < math.inf, positive),
        ("speaker_offset", 0 <= s.speaker_offset < math.inf, positive),
        ("rate_spread", 0 <= s.rate_spread < math.inf, positive),
        ("label_noise", 0 <= s.label_noise < 1, "0 or more, and less than 1"),
        ("speaking_rate", 0 < s.speaking_rate < math.inf, "a finite number above 0"),
        ("shortest", 0 < s.shortest < math.inf, "a finite number of seconds above 0"),
        ("longest", s.shortest <= s.longest < math.inf, f"{s.shortest} seconds or more, finite"),
    ]
    for name, holds, expected in conditions:
        if not holds:
            raise refuse(owner, settings, name, expected)
