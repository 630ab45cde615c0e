"""Looks at streams and says what it finds: detectors, their calibration, innocent causes and data quality."""
