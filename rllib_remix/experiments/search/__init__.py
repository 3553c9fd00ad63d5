"""Searches: spaces, Tune's schedulers and searchers, and the points that are checked."""
