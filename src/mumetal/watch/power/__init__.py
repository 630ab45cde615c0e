"""The detectability ledger: per technique, the smallest attack that would have been caught, or *blind* and how to see."""
