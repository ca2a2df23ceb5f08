"""Fusion methods, one file each; the registry imports them all."""
