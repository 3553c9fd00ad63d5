"""Stand-ins for what learners, env runners and replay buffers need of Ray, so that they run unchanged where it is not installed."""
