"""Groups of agents with networks of their own: networks of one shape side by side, computed as one."""
