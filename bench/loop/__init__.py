"""The watch loop: store, doors and pipeline."""
