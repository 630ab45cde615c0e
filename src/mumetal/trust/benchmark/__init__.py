"""Measures what trust promises, beside a baseline in the same run."""
