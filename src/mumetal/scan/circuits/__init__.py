"""A circuit antivirus: reads circuits of every kind, never runs them, and says which look like attacks on a neighbour."""
