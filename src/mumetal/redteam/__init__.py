"""Plans, runs and scores campaigns on a sealed range, never on a real device."""
