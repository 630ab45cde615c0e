"""Detectors of general use; :mod:`mumetal.watch.listed` lists them with those of covert channels."""
