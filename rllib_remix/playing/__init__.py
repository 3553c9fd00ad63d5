"""Episodes played with a team that was trained: evaluation, its results, and animations."""
