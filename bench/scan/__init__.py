"""What looks at artefacts, beside its peers."""
