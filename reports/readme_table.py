"""Tables in a Markdown file, read from the stores that the file names.

``python -m fusemark.reports.readme_table README.md`` rewrites every block between
``<!-- table: results/reference/NAME -->`` and ``<!-- /table -->``, or those of a tuned run beside
an untuned one after ``<!-- table: TUNED against UNTUNED -->``; with ``--check`` nothing is
written, and the exit code is 1 where the file differs from its stores.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ..benchmark.contract.errors import UserError
from .readme_against import against
from .readme_blocks import block
from .readme_gpu import gpu, is_gpu

OPENING = re.compile(r"<!-- table: (?P<store>\S+)(?: against (?P<other>\S+))? -->")
CLOSING = "<!-- /table -->"


def updated(text: str, root: Path) -> str:
    """Return a Markdown text whose tables are those of their stores.

    Parameters
    ----------
    text
        With any number of blocks.
    root
        Folder that the stores' paths are relative to.

    Raises
    ------
    UserError
        A block that is not closed, or a store that is not there.
    """
    parts, at = [], 0
    while opening := OPENING.search(text, at):
        store = opening["store"]
        end = text.find(CLOSING, opening.end())
        following = OPENING.search(text, opening.end())
        if end < 0 or (following and following.start() < end):
            raise UserError(
                f"the block of table {store!r} is not closed; expected {CLOSING} after it"
            )
        other = opening["other"]
        shown = against(root / store, root / other) if other else of_folder(root / store)
        parts += [text[at : opening.end()], f"\n{shown}\n"]
        at = end
    return "".join([*parts, text[at:]])


def of_folder(folder: Path) -> str:
    """Return what a README shows of one folder."""
    return gpu(folder) if is_gpu(folder) else block(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite or check a file; return the exit code."""
    parser = argparse.ArgumentParser(prog="fusemark.reports.readme_table", description=__doc__)
    parser.add_argument("file", type=Path, help="the Markdown file")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it differs")
    asked = parser.parse_args(arguments)
    try:
        old = asked.file.read_text(encoding="utf-8")
        new = updated(old, asked.file.parent)
    except (OSError, UserError) as error:
        print(f"{asked.file}: {error}", file=sys.stderr)
        return 2
    if asked.check:
        if new != old:
            print(
                f"{asked.file} differs from its stores; run this without --check", file=sys.stderr
            )
        return int(new != old)
    asked.file.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
