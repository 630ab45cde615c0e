"""Devices made from real calibration snapshots."""
