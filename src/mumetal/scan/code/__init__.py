"""Reads Python and notebooks of quantum programs and job runtimes, never runs them, and says what is unsafe."""
