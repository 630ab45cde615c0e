"""Reads firmware images for what their formats promise, and holds a change against what was declared of it."""
