"""Environments that others wrote as a TeamEnv: what they return is read with every fault named."""
