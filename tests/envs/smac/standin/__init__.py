"""A stand-in for the StarCraft II binary, and a small client for it: SMAC's tests without the game."""
