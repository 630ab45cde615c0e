"""Incidents, findings, labels, sightings, jobs, states and assets in one database, with the log of all that happens."""
