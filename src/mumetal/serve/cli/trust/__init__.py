"""Commands on keys, signatures, firmware, models and the ledger."""
