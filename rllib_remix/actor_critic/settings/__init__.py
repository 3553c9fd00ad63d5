"""Settings of the actor-critics: what all share, and those of each, with its preset."""
