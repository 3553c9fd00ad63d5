"""Runs sent to a Ray cluster as jobs."""
