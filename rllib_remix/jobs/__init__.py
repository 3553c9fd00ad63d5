"""A run that is sent to a Ray cluster as a job: its command, its files and its packages."""
