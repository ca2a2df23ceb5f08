"""JSON files that are complete or absent, and never hold a number that JSON does not have."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .contract.errors import UserError


class replaced:  # noqa: N801 - used as a function
    """Context: a temporary file beside ``path`` that takes its place when the block ends well."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> Any:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=".tmp")
        self.temporary = Path(name)
        self.file = os.fdopen(handle, "wb")
        return self.file

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.file.close()
        if kind is None:
            self.temporary.chmod(0o644)
            self.temporary.replace(self.path)
        else:
            self.temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    with replaced(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's JSON object; None where there is no file.

    Raises
    ------
    UserError
        A file that cannot be read, or that holds something else.
    """
    try:
        return parsed(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"{str(path)!r} cannot be read ({why}); restore it from a copy, or remove it"
        ) from error


def parsed(text: str | bytes | None) -> dict[str, Any]:
    """Return a JSON object; NaN and infinities, which JSON does not have, are None.

    Raises
    ------
    ValueError
        Why the text is none.
    """
    if not text or not text.strip():
        raise ValueError("it is empty")
    try:
        text = text.decode() if isinstance(text, bytes) else text
        found = json.loads(text, parse_constant=lambda _: None)
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: line {error.lineno}, {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"it holds a JSON {type(found).__name__}; expected an object")
    return found


def finite(value: Any) -> Any:
    """Replace numbers that JSON does not have (NaN, infinities) by None."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
