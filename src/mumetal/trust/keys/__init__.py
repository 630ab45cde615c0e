"""Who may sign what: hybrid keys, where they are kept, and the root that names them."""
