"""The times of pictures and sound: a file's own, brought to equal steps and without gaps.

A step of a store stands for a fixed length of time, so that sound and pictures stay beside each
other. A file need not keep to that: a telephone drops pictures in the dark, a screen recording
shows one picture until something moves, a broken line loses seconds of sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .faults import BadClipError

SLACK = 1.5  # pictures that one may be early or late and still follow the one before
GAP = 300.0  # seconds without sound, or with one picture, from which the times must be wrong
LEAST = 0.1  # seconds that are missing from the sound before silence stands in for them
NEAR = 0.05  # share by which the pictures' usual rate may differ from the declared one, and is that


@dataclass(frozen=True)
class Pace:
    """How a file's pictures follow each other.

    Parameters
    ----------
    rate
        Pictures per second; None where the file does not say.
    even
        Whether each picture lies within 1.5 pictures of its place at that rate.
    """

    rate: float | None
    even: bool = True


def pace(times: np.ndarray, declared: float | None) -> Pace:
    """Return the pace of pictures that begin at ``times`` (N,), in seconds and in any order.

    The rate is the declared one where the pictures keep to it, and otherwise that of most pictures:
    the mean of the steps that are near their median.
    """
    times = np.sort(times)
    if declared is None or len(times) < 2:
        return Pace(declared)
    late = (times - times[0]) * declared - np.arange(len(times))
    if np.abs(late).max() <= SLACK:
        return Pace(declared)
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not len(steps):
        return Pace(declared)
    usual = np.median(steps)
    rate = 1 / float(steps[np.abs(steps - usual) <= usual / 4].mean())
    return Pace(declared if abs(rate - declared) <= NEAR * declared else rate, even=False)


class Steps:
    """Brings pictures to equal steps of time: one stays until the next is shown.

    Parameters
    ----------
    name
        Of the file, for messages.
    pace
        Of the file's pictures.
    fps
        Steps per second; None for the file's own rate, at which a picture that is less than 1.5
        pictures early or late simply takes the next step.

    Attributes
    ----------
    missing
        Pictures of its own rate that the file lacks, where it lacks more than 1.5 at once.
    """

    def __init__(self, name: str, pace: Pace, fps: float | None = None):
        self.name, self.pace, self.fps = name, pace, fps
        self.own = pace.rate or fps or 0.0
        self.missing = 0

    def __call__(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Yield for each step the frame that is shown then.

        Raises
        ------
        BadClipError
            One picture is shown for longer than is credible.
        """
        if not self.own:
            yield from frames
            return
        place = self.due if self.fps else self.following
        shown, before, end, done = None, 0.0, 0.0, 0
        for time, length, frame in self.timed(frames):
            if shown is not None:
                until = place(done, before, time)
                self.note(before, time)
                yield from (shown for _ in range(done, until))
                done = until
            shown, before, end = frame, time, time + length
        if shown is not None:
            until = place(done, before, end)
            yield from (shown for _ in range(done, max(until, done + (self.fps is None))))

    def timed(self, frames: Iterable[Any]) -> Iterator[tuple[float, float, Any]]:
        """Yield each frame with its seconds from the first one and the seconds that it lasts."""
        first, before, usual = None, None, 1 / self.own
        for frame in frames:
            after = 0.0 if before is None else before + usual
            time = after if frame.time is None else frame.time - (first or 0.0)
            if first is None:
                first, time = frame.time, 0.0
            if before is not None and time < before - SLACK * usual:  # two files joined, for one
                first, time = (first or 0.0) + time - after, after
            time = max(time, before or 0.0)
            credible = max(GAP, 10 * usual)
            length = float((frame.duration or 0) * (frame.time_base or 0))
            for begun, shown in ((before, time), (time, time + length)):
                if begun is not None and shown - begun > credible:
                    raise BadClipError(
                        f"{self.name} has one picture from {begun:.2f} to {shown:.2f} s, longer "
                        "than its times can be right; cut it there, or write it again"
                    )
            yield time, max(length, usual), frame
            before = time

    def following(self, done: int, before: float, time: float) -> int:  # noqa: ARG002
        """Return how many steps are done when the next picture is shown, at the file's own rate."""
        late = time * self.own - (done + 1)
        return done + 1 if abs(late) <= SLACK else max(done, done + 1 + round(late))

    def due(self, done: int, before: float, time: float) -> int:
        """Return how many steps at ``fps`` lie before the next picture.

        A picture stands for what is nearest to it, half a picture of its own rate at most.
        """
        assert self.fps
        until = time - 0.5 * min(1 / self.own, time - before) + 1e-6
        return max(done, int(until * self.fps) + 1)

    def note(self, before: float, time: float) -> None:
        """Count the pictures that a gap lacks."""
        steps = (time - before) * self.own
        if steps - 1 > SLACK:
            self.missing += round(steps) - 1


@dataclass
class Gaps:
    """Finds the gaps in a stream of sound by its times.

    Parameters
    ----------
    name
        Of the file, for messages.

    Attributes
    ----------
    filled
        Seconds of silence that stand for sound that the file has not.
    """

    name: str
    filled: float = 0.0
    reached: float | None = None

    def before(self, frame: Any) -> int:
        """Return how many samples are missing before a frame.

        Times that are less than a tenth of a second apart from the samples are jitter, and those
        that go back are taken for a clock that was set; both leave the sound as it is.

        Raises
        ------
        BadClipError
            A gap longer than is credible.
        """
        length = frame.samples / frame.sample_rate
        time = frame.time if frame.time is not None else self.reached
        if time is None:
            return 0
        missing = 0.0 if self.reached is None else time - self.reached
        if missing > GAP:
            raise BadClipError(
                f"{self.name} has no sound from {self.reached:.2f} to {time:.2f} s, longer than "
                "its times can be right; cut it there, or write it again"
            )
        if self.reached is None or abs(missing) > LEAST:
            self.reached = time
        self.reached += length
        if missing <= LEAST:
            return 0
        self.filled += missing
        return round(missing * frame.sample_rate)
