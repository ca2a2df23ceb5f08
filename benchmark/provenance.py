"""Where a result came from, without a path and without a host name."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("benchmark", "datasets", "methods", "pyproject.toml")


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    packages = ("torch", "numpy", "scikit-learn", "scipy", "fusemark")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


@functools.cache
def machine() -> dict[str, Any]:
    """Return the processor's model, its cores and the memory in GiB."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text(errors="replace"))
        model = named[1] if named else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.system(),
    }


@functools.cache
def git_state() -> dict[str, Any] | None:
    """Return the commit of the code that runs, and whether it was changed since; None outside git.

    Only the files that make results count: a result being written does not dirty its own commit.
    """

    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != ROOT:
            return None
        commit = git("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(git("status", "--porcelain", "--", *PARTS))}
    except (OSError, subprocess.CalledProcessError):
        return None


def origin() -> dict[str, Any]:
    """Return where a single-thread worker of this machine runs: versions, machine, commit."""
    return {"versions": versions(), "machine": {**machine(), "threads": 1}, "git": git_state()}


def describe_error(error: BaseException, root: Path | None = None) -> dict[str, str]:
    """Return an exception's type, message and traceback with paths relative to the packages."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        lines.append(f"{relative(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line}")
    message = scrub(str(error), root)
    lines.append(f"{type(error).__name__}: {message}")
    return {"type": type(error).__name__, "message": message, "traceback": "\n".join(lines)}


def relative(path: str) -> str:
    """Return a source file's path from its package on."""
    for marker in ("site-packages/", f"python{sys.version_info[0]}.{sys.version_info[1]}/"):
        if marker in path:
            return path.rpartition(marker)[2]
    if Path(path).is_relative_to(ROOT):
        return Path(path).relative_to(ROOT).as_posix()
    return Path(path).name


def scrub(text: str, root: Path | None = None) -> str:
    """Replace this machine's folders in a text by what they stand for."""
    named = [(root, "$FUSEMARK_DATA"), (ROOT, "."), (Path.cwd(), "."), (Path.home(), "~")]
    for folder, sign in named:
        if folder is not None and len(str(folder)) > 1:
            text = text.replace(str(folder), sign)
    return text.replace(platform.node(), "<host>") if len(platform.node()) > 3 else text


def without_folders(command: str) -> str:
    """Return a command with only the last part of each absolute path in it."""
    return re.sub(r"(?<![\w./~$-])/(?:[^/\s:=,']+/)+", "", command)
