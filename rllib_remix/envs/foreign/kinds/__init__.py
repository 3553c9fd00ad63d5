"""Kinds of foreign environments: how each says who acts, what is observed and when an episode is over."""
