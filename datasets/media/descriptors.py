"""Audio features: 65 ComParE low-level descriptors and their 65 deltas, by openSMILE."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...benchmark.contract import UserError
from .decode import RATE
from .faults import BadClipError

CONFIGURATION = Path(__file__).with_name("compare.conf")
WIDTH = 130


@dataclass(frozen=True)
class Framing:
    """Windows and step in seconds.

    The paper has 32 ms windows and a 16 ms step. A window of 32 ms holds too few periods of a low
    voice: 9 of the 130 columns are then zero for most speakers, so that pitch, voice quality and
    zero crossings have a window of their own, openSMILE's 60 ms; ``window_f0=0.032`` is the literal
    setting. openSMILE's own framing is (0.02, 0.06, 0.01).
    """

    window: float = 0.032
    window_f0: float = 0.060
    step: float = 0.016

    def __post_init__(self) -> None:
        for name in ("window", "window_f0", "step"):
            value = getattr(self, name)
            least = 0.02 if name == "window_f0" else 0.002  # openSMILE crashes on less
            if not least <= value <= 1.0:
                raise UserError(f"{name}={value:g}; expected seconds from {least:g} to 1")

    def frames(self, samples: int) -> int:
        """Return how many frames that many samples at 16 kHz give; 0 where one is not full.

        As many as fit, and one that smoothing adds at the end.
        """
        longest = round(max(self.window, self.window_f0) * RATE)
        step = round(self.step * RATE)
        return (samples - longest) // step + 2 if samples >= longest else 0


class Descriptors:
    """Computes the 130 columns; opened once, used for many clips.

    Raises
    ------
    UserError
        openSMILE is not installed.
    """

    def __init__(self, framing: Framing):
        self.framing = framing
        try:
            import opensmile
        except ImportError as error:
            raise UserError(
                f"audio features need openSMILE, which cannot be imported ({error}); "
                "pip install 'fusemark[media]'"
            ) from error
        own = Path(opensmile.__file__).parent / "core" / "config"
        self.smile = opensmile.Smile(
            str(CONFIGURATION),
            "joined",
            options={
                "descriptors": str(own / "compare" / "ComParE_2016_core.lld.conf.inc"),
                "bufferModeRbLagConf": str(own / "shared" / "BufferModeRbLag.conf.inc"),
                "bufferModeConf": str(own / "shared" / "BufferMode.conf.inc"),
                "window": f"{framing.window:.6f}",
                "windowF0": f"{framing.window_f0:.6f}",
                "step": f"{framing.step:.6f}",
            },
        )

    @property
    def names(self) -> list[str]:
        """Names of the columns, in openSMILE's words."""
        return list(self.smile.feature_names)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return the columns (T, 130) float32 of mono samples (n,) int16 at 16 kHz.

        Raises
        ------
        BadClipError
            The sound is shorter than a window.
        """
        if self.framing.frames(len(samples)) == 0:
            longest = max(self.framing.window, self.framing.window_f0)
            raise BadClipError(
                f"{1000 * len(samples) / RATE:.0f} ms of audio are shorter than a window of "
                f"{1000 * longest:.0f} ms"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            columns = self.smile(samples.astype(np.float32) / 32768, RATE)[0].T
        return np.ascontiguousarray(columns, np.float32)
