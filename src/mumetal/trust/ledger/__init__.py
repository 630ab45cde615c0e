"""What was decided, in an order nobody can rewrite unseen."""

from mumetal.trust.ledger.chained import ChainedFileLedger, Head

__all__ = ["ChainedFileLedger", "Head"]
