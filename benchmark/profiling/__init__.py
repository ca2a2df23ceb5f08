"""Where a run's time went: its cells by phase, and its methods' training steps by part."""
