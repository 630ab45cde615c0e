"""Calibrations that people write: each commit against what its platform's authors have done before."""
