"""What joins the registry of models with the watch."""
