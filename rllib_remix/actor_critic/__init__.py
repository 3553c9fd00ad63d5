"""What the actor-critics share: stochastic policies, on-policy rounds, several optimizers; and networks and loss of each."""
