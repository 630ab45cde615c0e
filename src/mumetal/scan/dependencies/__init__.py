"""Which packages a project pins, which of them have known weaknesses, and in what order to update."""
