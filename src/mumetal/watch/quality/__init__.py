"""Rules that any datum must keep."""
