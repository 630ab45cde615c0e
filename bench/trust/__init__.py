"""What is signed, kept and installed, beside simple baselines."""
