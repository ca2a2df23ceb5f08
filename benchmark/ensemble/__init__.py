"""Many seeds of one method in one launch: their weights stacked, their batches side by side."""
