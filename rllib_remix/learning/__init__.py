"""The formulas of the papers, as pure functions on tensors: targets, weights, losses and priorities."""
