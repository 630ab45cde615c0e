"""Commands that watch."""
