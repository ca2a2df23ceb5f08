"""The HDF5 sets of the Memory Fusion Network (github.com/pliang279/MFN): a folder of arrays.

Two layouts stand there. In ``data/`` (read by test_mosi.py) ``X_train.h5`` holds all modalities of
MOSI end to end under the key ``data``, (N, 20, 300 + 5 + 20), and ``y_train.h5`` its labels (N,).
In ``new_data/`` each modality has a file under the key ``d1``: ``text_train_emb.h5``,
``audio_train.h5``, ``video_train.h5`` and ``y_train.h5``, (N, 1) or one-hot (N, 3). The parts are
``train``, ``valid`` and ``test``. No file says ids or speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .contents import PARTS, Contents, Part, counted, features, numbers
from .faults import UnreadableError, printable

KEYS = ("d1", "data")
FILES = {"text": "text_{}_emb.h5", "audio": "audio_{}.h5", "visual": "video_{}.h5"}
JOINED = ("text", "audio", "visual")
SQUEEZED = 1100  # gzip makes numbers at most this many times smaller


def read_folder(path: Path, widths: Sequence[int]) -> Contents:
    """Read a folder in either layout.

    Parameters
    ----------
    widths
        Columns of text, audio and visual in ``X_*.h5``.

    Raises
    ------
    UnreadableError
        Neither layout, a file that is missing or damaged, or one that is no plain array.
    """
    if not (path / "y_train.h5").is_file():
        raise UnreadableError(
            "holds no y_train.h5; expected the folder of an HDF5 set as MFN publishes it "
            "(X_train.h5 and y_train.h5, or text_train_emb.h5, audio_train.h5, video_train.h5)"
        )
    joined = (path / "X_train.h5").is_file()
    # A modality of which one part alone is there is one that is missing, not one to leave out.
    present = [n for n, f in FILES.items() if any((path / f.format(p)).is_file() for p in PARTS)]
    if not joined and not present:
        raise UnreadableError("holds labels and no features; expected X_train.h5 or audio_train.h5")
    parts = {}
    for part in PARTS:
        labels = numbers(read_array(path / f"y_{part}.h5"), f"y_{part}.h5")
        if not labels.size:
            raise UnreadableError(f"has labels of shape {labels.shape} in y_{part}.h5, of nothing")
        count = len(labels)
        if joined:
            values = cut(read_array(path / f"X_{part}.h5"), f"X_{part}.h5", widths, count)
        else:
            files = {name: FILES[name].format(part) for name in present}
            values = {n: features(read_array(path / f), f, count) for n, f in files.items()}
        if labels.ndim != 3 or labels.shape[2] != 2:
            labels = labels.reshape(count, -1)
        parts[part] = Part(values, labels)
    return Contents("MFN", parts)


def cut(values: np.ndarray, file: str, widths: Sequence[int], count: int) -> dict[str, np.ndarray]:
    """Part the columns of all modalities."""
    whole = features(values, file, count)
    if len(widths) != len(JOINED) or min(widths) < 1 or sum(widths) != whole.shape[2]:
        raise UnreadableError(
            f"has {whole.shape[2]} columns in {file}, widths={','.join(map(str, widths))} are "
            f"{sum(widths)}; say how many are text, audio and visual"
        )
    edges = np.cumsum(widths)[:-1]
    return dict(zip(JOINED, np.split(counted(whole, file, count), edges, axis=2), strict=True))


def read_array(path: Path) -> np.ndarray:
    """Return the one array of an HDF5 file, numbers as float32.

    Links to other files and storage outside the file are refused, and so is an array that says it
    is larger than what is stored could ever be.
    """
    try:
        import h5py
    except ImportError as error:
        raise UnreadableError(
            "needs h5py to be read; install it: pip install 'fusemark[public]'"
        ) from error
    if not path.is_file():
        raise UnreadableError(f"has no file {path.name}; fetch it, or finish the download")
    try:
        with h5py.File(path, "r") as file:
            names = list(file)
            key = next((key for key in KEYS if key in names), None)
            link = file.get(key, getlink=True) if key else None
            if key and not isinstance(link, h5py.HardLink):
                raise UnreadableError(
                    f"has in {path.name} a link in place of the array {key!r}; links are refused, "
                    "copy the array into the file"
                )
            found = file[key] if key else None
            if not isinstance(found, h5py.Dataset):
                has = ", ".join(printable(name) for name in names[:6]) or "nothing"
                raise UnreadableError(f"has no array 'd1' or 'data' in {path.name} (it has {has})")
            if found.shape is None:
                raise UnreadableError(f"has an array without shape in {path.name}; fetch it again")
            stored, said = found.id.get_storage_size(), found.size * found.dtype.itemsize
            outside = found.is_virtual or found.external is not None
            if outside or found.dtype.kind not in "fiub" or said > SQUEEZED * max(stored, 1):
                raise UnreadableError(
                    f"has in {path.name} an array of type {found.dtype}, shape {found.shape} and "
                    f"{stored} bytes stored; expected numbers that are all in the file"
                )
            return np.asarray(found.astype(np.float32)[()])
    except UnreadableError:
        raise
    except Exception as error:  # whatever a damaged file leads HDF5 to
        reason = printable(error)[:120]
        raise UnreadableError(f"cannot be read: {path.name}: {reason}; fetch it again") from error
