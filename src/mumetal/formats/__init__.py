"""Bytes to nouns and back, pure and bounded."""
