"""Signed statements: who says what of which bytes."""
