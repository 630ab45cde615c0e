"""Covert channels, replay and misreport."""
