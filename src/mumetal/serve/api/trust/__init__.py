"""Routes on firmware."""
