"""What makes an environment, found by the name that a user gives: of PettingZoo, Gymnasium, Ray or the user's own code."""
