"""What an iteration's results say, apart from what RLlib's own metrics do."""
