"""Experiment files with the settings of RLlib's old API, translated."""
