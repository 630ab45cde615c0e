"""What looks at streams, beside its peers."""
