"""Pages on firmware, models and the ledger."""
