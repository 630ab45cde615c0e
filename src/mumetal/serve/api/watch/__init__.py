"""Routes on streams, devices and incidents."""
