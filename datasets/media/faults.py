"""What can be wrong with one clip, as a line that says how to mend it."""

from __future__ import annotations

from pathlib import Path

POINTER = b"version https://git-lfs"
LARGEST_POINTER = 1024  # bytes; a pointer has about 130
LOST = 0.1  # share of damaged packets, or of the declared length, that makes a clip a broken one
UNKNOWN = (range(0x7FFF0000, 0x80010000), range(0xFFFFFF00, 0x100000100))
"""Lengths that a WAV declares when it was written to a pipe: sox and arecord put about 2 GiB, the
greatest number with a sign, FFmpeg about 4 GiB."""
ASF = bytes.fromhex("3026b2758e66cf11")
PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # the object with the file's size


class BadClipError(Exception):
    """A clip that cannot be used; the message goes on after the clip's name."""


def pointed(path: Path) -> bool:
    """Say whether a file is a git-lfs pointer in place of its content."""
    with path.open("rb") as stream:
        return stream.read(len(POINTER)) == POINTER


def check_length(path: Path, size: int) -> None:
    """Raise BadClipError for a WAV, AVI or WMV file that is shorter than its header says.

    Other containers are found out while they are decoded; of these FFmpeg believes the file's size.
    """
    with path.open("rb") as stream:
        header = stream.read(8192)
    declared = declared_size(header)
    unknown = any(declared in lengths for lengths in UNKNOWN)
    if size < (1 - LOST) * declared and not unknown:
        raise BadClipError(
            f"{path.name} is truncated: {size} of the {declared} bytes that it declares; fetch it "
            "again"
        )


def declared_size(header: bytes) -> int:
    """Return the bytes that the beginning of a file says it has; 0 where it does not."""
    if header[:4] == b"RIFF":
        return int.from_bytes(header[4:8], "little") + 8
    place = header.find(PROPERTIES) if header.startswith(ASF) else -1
    # The object's name (16), its size (8) and the file's name (16) stand before it.
    return int.from_bytes(header[place + 40 : place + 48], "little") if place > 0 else 0


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
