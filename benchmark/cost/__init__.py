"""What a method costs as sequences grow: FLOPs, memory and latency."""
