"""Compiled parts of the recurrent networks, and how they are loaded when they are needed."""
