"""Measures the scan beside its peers: recall, noise, speed and start, every tool from its package in the same run."""
