"""Copies of a slow environment in processes of their own, as one TeamEnv."""
