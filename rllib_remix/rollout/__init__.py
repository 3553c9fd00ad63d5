"""Workers that play: episodes collected from the copies of an environment."""
