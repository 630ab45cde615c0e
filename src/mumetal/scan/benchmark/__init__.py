"""Measures the scan beside its peers in the same run: secrets, quantum code, and implants in firmware updates."""
