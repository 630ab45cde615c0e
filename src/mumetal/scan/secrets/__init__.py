"""Finds secrets: rules as data, Hyperscan as prefilter, re2 to confirm; a finding never carries the secret."""
