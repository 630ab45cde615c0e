"""Reads Git repositories that may be hostile: the one room of the ground floor that runs a program, and only ever ``git``."""
