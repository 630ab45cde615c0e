"""Commands that scan."""
