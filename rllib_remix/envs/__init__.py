"""Environments: the contract of a team, those that ship with the package, and adapters to those of others."""
