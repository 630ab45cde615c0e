"""The watchers of this room: each looks at one kind of thing in committed data, and keeps the port ``Watcher``."""
