"""SMAC: the maps and settings that StarCraft II and our simulator share, and the adapter to StarCraft II."""
