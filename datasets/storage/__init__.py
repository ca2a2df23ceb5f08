"""What stands in files: arrays of numbers, tables of text, and parts by speaker."""

from .arrays import SUFFIXES, read_steps
from .listing import PARTS, REQUIRED, Listing
from .speakers import draw_speakers
from .table import Row, read_table

__all__ = [
    "PARTS",
    "REQUIRED",
    "SUFFIXES",
    "Listing",
    "Row",
    "draw_speakers",
    "read_steps",
    "read_table",
]
