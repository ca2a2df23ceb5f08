"""Cells and trials over a Ray cluster; only :mod:`.asked` can be imported without Ray."""
