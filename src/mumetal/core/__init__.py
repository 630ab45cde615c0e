"""The words every room shares: nouns, ports, errors, registry, settings and the clock."""
