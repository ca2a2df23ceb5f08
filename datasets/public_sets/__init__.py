"""Published feature sets in the formats of their authors: read as data, never run."""
