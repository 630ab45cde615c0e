"""The words every room shares: nouns, ports, errors, registry, settings and the clock."""

LOCAL = "local"  # the tenant of an installation that has one
