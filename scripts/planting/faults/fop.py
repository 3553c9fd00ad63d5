"""In FOP: soft values, twin critics, the actions that updates draw."""

from planting.fault import Fault

_FOP, _SOFT, _FOP_MIXER = "actor_critic/fop.py", "learning/soft_values.py", "models/mixing/fop.py"
_OF_FOP, _OF_SOFT = ("tests/actor_critic/test_fop.py",), ("tests/learning/test_soft_values.py",)
_POLICIES, _OF_POLICIES = "learning/policies.py", ("tests/learning/test_policies.py",)

FAULTS = (
    Fault(
        "soft_value_of_unavailable_actions",
        "The soft value is over unavailable actions too.",
        _SOFT,
        "values = values.masked_fill(~avail_actions, -torch.inf)",
        "values = values * 1.0",
        _OF_SOFT,
    ),
    Fault(
        "soft_value_without_temperature",
        "The soft value's logarithm is not multiplied by the temperature.",
        _SOFT,
        "temperature * ((values - best) / temperature).logsumexp(-1)",
        "((values - best) / temperature).logsumexp(-1)",
        _OF_SOFT,
    ),
    Fault(
        "policies_of_least_entropy",
        "The policies' loss punishes entropy.",
        _SOFT,
        "return -expected - temperature * entropies(log_probabilities)",
        "return -expected + temperature * entropies(log_probabilities)",
        _OF_SOFT,
    ),
    Fault(
        "entropies_of_agents_summed",
        "The soft value of the team has the sum of the agents' entropies.",
        _SOFT,
        "temperature * taken.mean(-1)",
        "temperature * taken.sum(-1)",
        _OF_SOFT,
    ),
    Fault(
        "fops_mixer_without_value_of_the_state",
        "Q_jt has no V(s).",
        _FOP_MIXER,
        "return outputs(self.value, state).squeeze(-1) + of_agents",
        "return outputs(self.value, state).squeeze(-1) * 0 + of_agents",
        ("tests/models/mixing/test_fop.py",),
    ),
    Fault(
        "fops_policies_learn_from_the_greater_value",
        "The policies learn from the greater of the critics' values.",
        _FOP,
        "action_values.detach().amin(0)",
        "action_values.detach().amax(0)",
        _OF_FOP,
    ),
    Fault(
        "fops_targets_of_the_greater_value",
        "Targets are of the greater of the critics' joint values.",
        _FOP,
        "soft_state_values(target.amin(0), chosen(policy, drawn), temperature)",
        "soft_state_values(target.amax(0), chosen(policy, drawn), temperature)",
        _OF_FOP,
    ),
    Fault(
        "fops_targets_of_the_actions_taken",
        "Targets are of the actions taken, whoever took them.",
        _FOP,
        "_, target = self._values(networks, seen, drawn, batch)",
        "_, target = self._values(networks, seen, seen.actions, batch)",
        _OF_FOP,
    ),
    Fault(
        "fops_target_is_the_critic",
        "Returns are over the values of the critics that are fitted to them.",
        _FOP,
        "networks = self.target_critic_agents, self.target_critic_mixers",
        "networks = self.critic_agents, self.critic_mixers",
        _OF_FOP,
    ),
    Fault(
        "fops_twins_are_one",
        "Only the first of the two critics learns.",
        _FOP,
        "value_loss = torch.stack(of_twins).sum()",
        "value_loss = of_twins[0]",
        _OF_FOP,
    ),
    Fault(
        "temperature_stays_as_it_began",
        "The temperature does not follow its schedule.",
        _FOP,
        "self._temperature_schedule.update(env_steps)",
        "self._temperature_schedule.update(0)",
        _OF_FOP,
    ),
    Fault(
        "every_update_draws_the_same_actions",
        "An episode's actions are drawn alike in every update.",
        _FOP,
        "torch.full_like(numbers, self._updates_made, dtype=torch.int64)",
        "torch.full_like(numbers, 1, dtype=torch.int64)",
        _OF_FOP,
    ),
    Fault(
        "uniforms_of_all_updates_alike",
        "Uniforms do not depend on the update.",
        _POLICIES,
        "begin = _pcg(_pcg(numbers.long()) + update.long())",
        "begin = _pcg(_pcg(numbers.long()) + 0 * update.long())",
        _OF_POLICIES,
    ),
)
