"""Faults on purpose: which, where they are planted, and whether the tests find them."""
