"""Counts what is done to each device, and watches for what must not be done: a part of another package, as a wheel."""
