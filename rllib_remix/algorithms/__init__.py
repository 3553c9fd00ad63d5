"""The algorithms that a user trains, by name."""
