"""Commands on incidents."""
