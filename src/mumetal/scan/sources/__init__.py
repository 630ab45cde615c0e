"""Blob sources: where artefacts come from."""
