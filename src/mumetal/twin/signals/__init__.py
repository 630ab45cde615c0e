"""Signals of a quantum stack: each a seeded model that gives the same samples however the time is cut into chunks."""
