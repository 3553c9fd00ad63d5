"""In MAPPO: clipping, several passes over a batch, the unit of values."""

from planting.fault import Fault

_CLIPPING, _MAPPO = "learning/clipping.py", "actor_critic/mappo.py"
_OF_CLIPPING, _OF_MAPPO = ("tests/learning/test_clipping.py",), ("tests/actor_critic/test_mappo.py",)

FAULTS = (
    Fault(
        "clipped_whatever_the_advantage_asks_for",
        "A ratio outside of the range has no gradient on either side.",
        _CLIPPING,
        "ratios * advantages, ratios.clamp",
        "ratios.clamp(1.0 - clip_range, 1.0 + clip_range) * advantages, ratios.clamp",
        (*_OF_CLIPPING, *_OF_MAPPO),
    ),
    Fault(
        "never_clipped",
        "The objective is that of the ratio, however large.",
        _CLIPPING,
        "ratios.clamp(1.0 - clip_range, 1.0 + clip_range) * advantages",
        "ratios * advantages",
        (*_OF_CLIPPING, *_OF_MAPPO),
    ),
    Fault(
        "the_lesser_value_loss",
        "A value that came nearer by more than the limit is drawn on.",
        _CLIPPING,
        "return torch.maximum(losses, huber(",
        "return torch.minimum(losses, huber(",
        (*_OF_CLIPPING, *_OF_MAPPO),
    ),
    Fault(
        "hubers_loss_jumps",
        "Beyond δ the loss goes on from δ² and not from half of it.",
        _CLIPPING,
        'reduction="none", delta=delta)',
        'reduction="none", delta=delta) + 0.5 * delta**2 * (errors.abs() > delta)',
        (*_OF_CLIPPING, *_OF_MAPPO),
    ),
    Fault(
        "one_pass_over_a_batch",
        "A batch is learned once, whatever is set.",
        _MAPPO,
        "for _ in range(self.config.num_epochs):",
        "for _ in range(1):",
        _OF_MAPPO,
    ),
    Fault(
        "earlier_passes_are_not_undone",
        "If a pass is not finite, those before it stay.",
        _MAPPO,
        "self._go_back(before)",
        "pass",
        _OF_MAPPO,
    ),
    Fault(
        "advantages_in_the_networks_unit",
        "Returns are over what the critic's network says, in whatever unit.",
        _MAPPO,
        'values = module.in_units_of_rewards(out["values"])',
        'values = out["values"]',
        _OF_MAPPO,
    ),
    Fault(
        "values_fitted_to_returns_in_the_unit_of_rewards",
        "The network's targets are not in its unit.",
        _MAPPO,
        'batch["value_targets"] = module.in_units_of_values(returns)',
        'batch["value_targets"] = returns',
        _OF_MAPPO,
    ),
    Fault(
        "advantages_normalised_with_forced_agents",
        "Agents without a choice count in the mean and deviation of advantages.",
        _MAPPO,
        "count, mean, variance = moments(advantages[choosing].unsqueeze(-1))",
        "count, *_ = moments(advantages[choosing].unsqueeze(-1)); _, mean, variance = moments(advantages[of_agents].unsqueeze(-1))",
        _OF_MAPPO,
    ),
    Fault(
        "each_learner_normalises_its_own_advantages",
        "Mean and deviation of advantages are of a learner's part of the batch.",
        "models/normalizer.py",
        "functools.reduce(_merged, _of_all_learners(_summed(rows.double())))",
        "_summed(rows.double())",
        _OF_MAPPO,
    ),
    Fault(
        "the_unit_of_values_has_limits",
        "Values far from the mean are cut off.",
        "models/value_normalizer.py",
        "return (values - self.mean) / self._deviation()",
        "return ((values - self.mean) / self._deviation()).clamp(-10, 10)",
        ("tests/models/test_value_normalizer.py",),
    ),
)
