"""Tune's record of a run: which is the newest, whether it can be read, and what it must say for the run to go on."""
