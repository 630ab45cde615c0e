"""Takes leaked secrets out of files: a literal becomes a look-up, and nothing else changes. Histories are never touched."""
