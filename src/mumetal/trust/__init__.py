"""Proves who made it and that it is unchanged."""
