"""What runs in the processes: one driver per system, with its public interface, and the games that all of them play."""
