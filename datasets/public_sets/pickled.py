"""The pickles of MMSA and of MulT: {train, valid, test} to dictionaries of arrays.

MMSA (github.com/thuiar/MMSA, README and src/MMSA/data_loader.py; MOSI, MOSEI and CH-SIMS):
``raw_text``, ``id`` (``video$_$clip``), ``text`` (N, T, 768), ``text_bert`` (N, 3, T: token ids,
mask, segments), ``audio`` and ``vision`` (N, T, D), ``audio_lengths`` and ``vision_lengths`` where
they are not aligned, ``annotations``, ``classification_labels``, ``regression_labels``, and in SIMS
``regression_labels_T``, ``_A`` and ``_V`` in [-1, 1].

MulT (github.com/yaohungt/Multimodal-Transformer, src/dataset.py and src/eval_metrics.py):
``text``, ``audio``, ``vision`` (N, T, D), ``labels`` (N, 1, 1), in IEMOCAP (N, 4, 2) one-hot of
neutral, happy, sad, angry; ``id`` (N, 3), segment, start and end, but in IEMOCAP.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .contents import MODALITIES, PARTS, Contents, Part, counted, features, names, numbers
from .faults import UnreadableError, printable
from .pickles import read_pickle

SIMS = 1.0  # greatest label of CH-SIMS; of MOSI and MOSEI it is 3


def read_pickled(path: Path, whose: str) -> Contents:
    """Read a pickle of MMSA or of MulT, told apart by the name of their labels.

    Parameters
    ----------
    whose
        ``"M"``, or in SIMS the labels of one modality: ``"T"``, ``"A"`` or ``"V"``.

    Raises
    ------
    UnreadableError
        Neither format, or what is wrong in it.
    """
    found = read_pickle(path)
    if not isinstance(found, Mapping):
        raise UnreadableError(f"holds a {type(found).__name__}; expected parts {', '.join(PARTS)}")
    parts = {}
    for name in PARTS:
        if not isinstance(found.get(name), Mapping):
            has = ", ".join(printable(key)[:40] for key in list(found)[:6]) or "nothing"
            raise UnreadableError(
                f"has no part {name!r} (it has {has}); expected {', '.join(PARTS)}, as MMSA and "
                "MulT publish them"
            )
        parts[name] = found[name]
    if all("regression_labels" in part for part in parts.values()):
        sims = all("regression_labels_T" in part for part in parts.values())
        key = "regression_labels" if whose == "M" else f"regression_labels_{whose}"
        read = {name: mmsa(part, name, key) for name, part in parts.items()}
        return Contents("MMSA", read, SIMS if sims else None)
    if whose != "M":
        raise UnreadableError(f"has no labels of one modality alone (labels={whose!r})")
    return Contents("MulT", {name: mult(part, name) for name, part in parts.items()})


def values(part: Mapping[str, Any], name: str, count: int) -> dict[str, Any]:
    """Return the features of each modality that a part has."""
    found = {
        ours: features(part[theirs], f"{theirs} of {name!r}", count)
        for theirs, ours in MODALITIES.items()
        if theirs in part
    }
    if not found:
        raise UnreadableError(f"has none of {', '.join(MODALITIES)} in {name!r}")
    return found


def labels_of(part: Mapping[str, Any], name: str, key: str) -> Any:
    if key not in part:
        has = ", ".join(printable(k)[:40] for k in list(part)[:12])
        raise UnreadableError(f"has no {key!r} in {name!r} (it has {has})")
    found = numbers(part[key], f"{key} of {name!r}")
    if found.size == 0:
        raise UnreadableError(f"has no example in {name!r}")
    return found


def one_each(stored: Any, where: str, count: int) -> np.ndarray:
    """Return one number (N,) of each example, from an array (N,) or (N, 1)."""
    found = numbers(stored, where, count)
    if found.shape not in ((count,), (count, 1)):
        raise UnreadableError(f"has {where} of shape {found.shape}; expected ({count},)")
    return found.ravel()


def mmsa(part: Mapping[str, Any], name: str, key: str) -> Part:
    labels = labels_of(part, name, key)
    count = len(labels)
    read = values(part, name, count)
    lengths = {
        ours: one_each(part[f"{theirs}_lengths"], f"{theirs}_lengths of {name!r}", count)
        for theirs, ours in MODALITIES.items()
        if f"{theirs}_lengths" in part and ours in read
    }
    mask = None
    if "text" in read and "text_bert" in part:
        tokens = counted(numbers(part["text_bert"], f"text_bert of {name!r}"), "text_bert", count)
        if tokens.ndim != 3 or tokens.shape[1:] != (3, read["text"].shape[1]):
            raise UnreadableError(
                f"has text_bert of shape {tokens.shape} in {name!r}; expected (N, 3, T) with the T "
                f"of text, {read['text'].shape[1]}"
            )
        mask = tokens[:, 1] != 0
    ids = names(part["id"], f"id of {name!r}", count) if "id" in part else None
    return Part(read, labels.reshape(count, -1), ids, lengths, mask)


def mult(part: Mapping[str, Any], name: str) -> Part:
    labels = labels_of(part, name, "labels")
    count = len(labels)
    if labels.ndim != 3 or labels.shape[2] != 2:
        labels = labels.reshape(count, -1)
    ids = names(part["id"], f"id of {name!r}", count) if "id" in part else None
    return Part(values(part, name, count), labels, ids)
