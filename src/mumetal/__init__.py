"""Mumetal: security for quantum computing stacks."""

__version__ = "0.1.0"
