"""The twin, held against real machines."""
