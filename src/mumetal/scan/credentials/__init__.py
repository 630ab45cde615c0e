"""Known credentials by fingerprint: how old they are, when they were last rotated, whether their vendor still takes them."""
