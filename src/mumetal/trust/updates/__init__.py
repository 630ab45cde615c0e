"""How updates reach a site: a TUF repository, and the client that believes nothing else."""
