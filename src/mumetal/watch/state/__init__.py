"""What this room has learnt, as plain data and back: see ``saving`` for how a watcher uses it."""
