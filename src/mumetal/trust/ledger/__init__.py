"""What was decided, in an order nobody can rewrite unseen."""
