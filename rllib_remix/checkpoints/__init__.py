"""Checkpoints: what one holds, and how it is written, read, checked and found."""
