"""What joins what firmware says of itself with who signed it."""
