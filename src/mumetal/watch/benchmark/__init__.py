"""How well the detectors do beside their peers, on data with labels: ``mumetal bench watch``."""
