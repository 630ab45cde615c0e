"""Which cryptography is in use where, how long it will hold, and what to replace first."""
