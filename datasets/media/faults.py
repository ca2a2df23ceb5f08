"""What can be wrong with one clip, as a line that says how to mend it."""

from __future__ import annotations

from pathlib import Path

POINTER = b"version https://git-lfs"
LARGEST_POINTER = 1024  # bytes; a pointer has about 130
LOST = 0.1  # share of damaged packets, or of the declared length, that makes a clip a broken one
UNKNOWN = 0xFFFFFF00  # length that a WAV has, or more, when it was written to a pipe


class BadClipError(Exception):
    """A clip that cannot be used; the message goes on after the clip's name."""


def pointed(path: Path) -> bool:
    """Say whether a file is a git-lfs pointer in place of its content."""
    with path.open("rb") as stream:
        return stream.read(len(POINTER)) == POINTER


def check_length(path: Path, size: int) -> None:
    """Raise BadClipError for a WAV or AVI file that is shorter than its header says.

    Other containers are found out while they are decoded; of these FFmpeg believes the file's size.
    """
    with path.open("rb") as stream:
        header = stream.read(8)
    declared = int.from_bytes(header[4:], "little") + 8
    if header[:4] == b"RIFF" and declared < UNKNOWN and size < (1 - LOST) * declared:
        raise BadClipError(
            f"{path.name} is truncated: {size} of the {declared} bytes that it declares; fetch it "
            "again"
        )


def check_file(path: Path) -> None:
    """Raise BadClipError for a file that no decoder needs to see."""
    if not path.is_file():
        said = "is a folder; expected a file" if path.is_dir() else "is missing; fetch it"
        raise BadClipError(f"{path.name} {said}")
    try:
        size = path.stat().st_size
        if size == 0:
            raise BadClipError(f"{path.name} is empty (0 bytes); fetch it again")
        if size <= LARGEST_POINTER and pointed(path):
            raise BadClipError(
                f"{path.name} is a git-lfs pointer of {size} bytes, not media; run "
                "`git lfs install && git lfs pull` in its folder"
            )
        check_length(path, size)
    except OSError as error:
        raise BadClipError(
            f"{path.name} cannot be read ({error.strerror}); mend its rights"
        ) from error
