"""Models: what they are, who made them, which one is active, whether it may be promoted and how it fares."""
