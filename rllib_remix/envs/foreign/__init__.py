"""Environments of PettingZoo and RLlib as a TeamEnv, one file for each kind."""
