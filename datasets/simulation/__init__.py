"""How the simulated tasks are drawn: channels from labels to symbols, and symbols to sequences."""
