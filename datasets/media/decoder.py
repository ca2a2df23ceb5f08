"""The frames of one stream of a media file, and when they and other streams begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .faults import LOST, BadClipError

GUESSED = ("mpeg", "mpegvideo", "mpegts", "mp3", "aac")
"""Containers without a length, for which FFmpeg takes what their size and first bits suggest."""
LONGEST = ("avi", "asf")
"""Containers that give every stream the length of the longest."""


class Decoder:
    """Iterates over the frames of one stream, and remembers what was damaged.

    Raises
    ------
    BadClipError
        While iterating: too many packets are damaged, or the frames end long before the length
        that the file declares (a download that broke off).

    Attributes
    ----------
    start, end
        Seconds at which the first frame begins (None where it does not say) and the last one ends.
    beside
        Seconds at which each other stream begins, by its index.
    others
        Seconds at which the last packet of any other stream ends.
    """

    def __init__(self, path: Path, container: Any, stream: Any):
        self.path, self.container, self.stream = path, container, stream
        self.packets = self.damaged = 0
        self.start: float | None = None
        self.beside: dict[int, float] = {}
        self.end = self.others = 0.0

    def __iter__(self) -> Iterator[Any]:
        from av.error import FFmpegError

        declared = self.declared()
        try:
            for packet in self.container.demux():
                if packet.stream.index != self.stream.index:
                    self.others = max(self.others, ended(packet, 0.0))
                    self.look(packet)
                    continue
                self.packets += packet.size > 0
                try:
                    frames = packet.decode()
                except FFmpegError:
                    self.damaged += 1
                    continue
                for frame in frames:
                    self.start = frame.time if self.start is None else self.start
                    self.end = max(self.end, ended(frame, self.end))
                    yield frame
        except FFmpegError as error:  # of the container: its end is missing
            raise BadClipError(
                f"{self.path.name} breaks off after {self.end:.2f} s ({error.strerror}); "
                "fetch it again"
            ) from error
        if self.damaged > LOST * self.packets:
            raise BadClipError(
                f"{self.path.name} has {self.damaged} damaged {self.stream.type} packets of "
                f"{self.packets}; fetch it again"
            )
        reached = self.end if self.promised() else max(self.end, self.others)
        if declared - reached > max(LOST * declared, 0.3):
            raise BadClipError(
                f"{self.path.name} is truncated: {self.end:.2f} s of the {declared:.2f} s that it "
                "declares; fetch it again"
            )

    def look(self, packet: Any) -> None:
        """Note when another stream begins: its packets need not be in the order of time."""
        if packet.pts is not None and packet.time_base and not packet.is_discard:
            index, time = packet.stream.index, float(packet.pts * packet.time_base)
            self.beside[index] = min(self.beside.get(index, time), time)

    def declared(self) -> float:
        """Return the seconds from 0 that the file promises, or 0 where it promises none.

        MPEG streams and bare AAC promise nothing: FFmpeg guesses from their size.
        """
        if self.promised():
            start = self.stream.start_time or 0
            length = float((start + self.stream.duration) * self.stream.time_base)
        elif self.container.duration is not None:
            length = self.container.duration / 1e6
        else:
            return 0.0
        return 0.0 if self.container.format.name.split(",")[0] in GUESSED else length

    def promised(self) -> bool:
        """Say whether the stream has a length of its own, and not that of the longest stream."""
        known = self.stream.duration is not None and bool(self.stream.time_base)
        return known and self.container.format.name.split(",")[0] not in LONGEST


def ended(part: Any, otherwise: float) -> float:
    """Return the seconds at which a frame or packet ends: its last one may be a long one."""
    if part.pts is None or not part.time_base:
        return otherwise
    samples, rate = getattr(part, "samples", 0), getattr(part, "sample_rate", 0)
    length = samples / rate if rate else float((part.duration or 0) * part.time_base)
    return float(part.pts * part.time_base) + length
