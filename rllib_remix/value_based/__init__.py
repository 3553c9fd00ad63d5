"""What the value-based algorithms share: learner, networks, settings, and weightings by name."""
