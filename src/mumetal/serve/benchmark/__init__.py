"""Measures that need several rooms at once, for the bench commands."""
