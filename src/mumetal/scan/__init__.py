"""Looks into artefacts and says what is wrong with them."""
