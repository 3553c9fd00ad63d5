"""The planted faults, by part."""
