"""What a person reads of an incident."""
