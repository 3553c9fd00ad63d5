"""Training runs with Tune: started, watched, interrupted and resumed."""
