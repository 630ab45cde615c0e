"""Joins the rooms into a running whole; knows each by its front door only."""
