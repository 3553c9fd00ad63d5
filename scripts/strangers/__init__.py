"""Environments that others wrote: what each is to a team, and what it costs."""
