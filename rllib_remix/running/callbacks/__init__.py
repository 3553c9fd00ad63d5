"""What watches the trials of a run, as callbacks of Tune: the screen, the logs, the last saves and failures."""
