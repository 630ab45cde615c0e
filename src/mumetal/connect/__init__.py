"""Bytes in and out: sources, sinks and stores."""
