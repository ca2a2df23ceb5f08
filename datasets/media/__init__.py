"""From raw media to a feature store; the heavy packages are imported only where they are used."""
