"""Checks of an experiment before it runs."""
