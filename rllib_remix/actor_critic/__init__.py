"""What the actor-critics share: stochastic policies, on-policy rounds, several optimizers, settings; and their critics."""
