"""The settings that all algorithms share, in groups, each with what it may be; and checks of RLlib's own."""
