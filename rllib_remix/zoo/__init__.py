"""Trained teams that ship with the package: to look at, to compare with, and to see that acting stays as it was."""
