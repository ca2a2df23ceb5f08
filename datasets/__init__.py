"""Datasets, one file each; the registry imports them all."""
