"""Experiments read from files, options and Python objects, key by key."""
