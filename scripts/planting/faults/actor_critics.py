"""In the actor-critics: policies, draws, losses, the on-policy loop, optimizers."""

from planting.fault import Fault

_POLICIES, _ACTING = "learning/policies.py", "rollout/acting.py"
_VDAC, _LEARNER, _LOOP = "actor_critic/vdac.py", "actor_critic/learner.py", "actor_critic/algorithm.py"
_RUNNER = "actor_critic/env_runner.py"
_OF_POLICIES, _OF_VDAC = ("tests/learning/test_policies.py",), ("tests/actor_critic/test_vdac.py",)
_OF_RUNNER, _OF_LEARNER = (
    ("tests/actor_critic/test_env_runner.py",),
    ("tests/actor_critic/test_learner.py",),
)

FAULTS = (
    Fault(
        "policies_over_all_actions",
        "The softmax is over unavailable actions too.",
        _POLICIES,
        "return logits.masked_fill(~avail_actions, -torch.inf).log_softmax(-1)",
        "return logits.log_softmax(-1).masked_fill(~avail_actions, -torch.inf)",
        _OF_POLICIES,
    ),
    Fault(
        "log_probabilities_summed_over_agents",
        "The policy loss is of the sum over agents.",
        _POLICIES,
        "values = values.masked_fill(~mask.unsqueeze(-1), 0.0).mean(-1)",
        "values = values.masked_fill(~mask.unsqueeze(-1), 0.0).sum(-1)",
        _OF_POLICIES,
    ),
    Fault(
        "policy_gradient_downwards",
        "The policy loss has the other sign.",
        _POLICIES,
        "return -mean_over_steps(advantages.detach() * taken",
        "return mean_over_steps(advantages.detach() * taken",
        _OF_POLICIES,
    ),
    Fault(
        "padding_of_policies_counts",
        "Log-probabilities of padding are not masked before they are multiplied.",
        _POLICIES,
        "taken = taken.masked_fill(~mask.unsqueeze(-1), 0.0)",
        "taken = taken * 1.0",
        (*_OF_POLICIES, *_OF_VDAC),
    ),
    Fault(
        "entropy_not_negated",
        "The entropy is -H.",
        _POLICIES,
        "return -(log_probabilities.exp() * finite).sum(-1)",
        "return (log_probabilities.exp() * finite).sum(-1)",
        _OF_POLICIES,
    ),
    Fault(
        "draws_with_normal_noise",
        "Agents draw with normal noise, whose largest is no draw from a softmax.",
        _ACTING,
        "rng.gumbel(size=scores.shape)",
        "rng.normal(size=scores.shape)",
        ("tests/rollout/test_stochastic_acting.py",),
    ),
    Fault(
        "evaluation_draws",
        "Agents draw in evaluation whatever is set.",
        _RUNNER,
        'draws = self.explores or self.config.actions_in_evaluation == "sampled"',
        "draws = True",
        _OF_RUNNER,
    ),
    Fault(
        "rounds_larger_than_a_batch",
        "Every env runner plays a whole batch.",
        _RUNNER,
        "whole, left = divmod(config.train_batch_episodes, max(1, runners))",
        "whole, left = divmod(config.train_batch_episodes, 1)",
        (*_OF_RUNNER, "tests/actor_critic/test_loop.py"),
    ),
    Fault(
        "older_episodes_count_for_the_next_update",
        "What was left over from a round counts for the update after the next.",
        _LOOP,
        "self._episodes_since_update = self.config.train_batch_episodes",
        "pass",
        ("tests/actor_critic/test_loop.py",),
    ),
    Fault(
        "vdac_advantage_of_the_next_value",
        "The advantage is above the value of the next step.",
        _VDAC,
        "values = values[:, :-1]",
        "values = values[:, 1:]",
        _OF_VDAC,
    ),
    Fault(
        "vdac_entropy_is_punished",
        "The entropy is added to the loss.",
        _VDAC,
        "- config.entropy_coefficient * entropy",
        "+ config.entropy_coefficient * entropy",
        _OF_VDAC,
    ),
    Fault(
        "vdac_value_loss_counts_fully",
        "The value loss counts fully.",
        _VDAC,
        "config.value_loss_weight * value_loss",
        "value_loss",
        _OF_VDAC,
    ),
    Fault(
        "vdac_logits_of_the_wrong_outputs",
        "The first output is the value, and the others are logits.",
        _VDAC,
        "tensor_split([self.agent.n_actions], dim=-1)",
        "roll(-1, dims=-1).tensor_split([self.agent.n_actions], dim=-1)",
        _OF_VDAC,
    ),
    Fault(
        "critic_with_the_actors_rate",
        "All optimizers have the learning rate of the actor.",
        _LEARNER,
        "lr_or_lr_schedule=config.lr if rate is None else rate,",
        "lr_or_lr_schedule=config.lr,",
        _OF_LEARNER,
    ),
    Fault(
        "time_limits_are_ends_for_actor_critics",
        "Returns see values and ends as they are, whatever is set.",
        _LEARNER,
        'values, terminated = at_the_ends(config, values, batch["lengths"], batch["terminated"])',
        'terminated = batch["terminated"]',
        _OF_VDAC,
    ),
)
