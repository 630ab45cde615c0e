"""Statistics of arrays, pure: no I/O, no clock, nothing of ours; bad arguments raise ``ValueError``."""
