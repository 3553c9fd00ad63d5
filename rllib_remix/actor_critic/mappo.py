"""MAPPO's networks and loss: several clipped steps on a batch, above a central value of every agent's state."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, distributed

from rllib_remix.actor_critic.learner import ActorCriticLearner, numbers_of_values
from rllib_remix.actor_critic.rl_module import CentralCriticModule
from rllib_remix.learning.clipping import are_clipped, clipped_objective, clipped_value_errors, kl_terms
from rllib_remix.learning.policies import Policies, mean_over_steps, policies_of
from rllib_remix.learning.targets import step_mask
from rllib_remix.models.normalizer import RunningNormalizer, moments
from rllib_remix.models.value_normalizer import ValueNormalizer

_LEAST_DEVIATION = 1e-5  # of advantages, as in the authors' code


class MAPPOModule(CentralCriticModule):
    """Recurrent agents, and a feed-forward critic V(s, o_a, a) without a target network.

    The critic values all agents to the end of the episode, those that have left the game too, whose returns go on.

    Model config: as CentralCriticModule's, and `normalize_values`.
    """

    training_networks: ClassVar[tuple[str, ...]] = ("central_critic", "value_normalizer")

    value_normalizer: ValueNormalizer | None

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        super().make_training_networks(n_agents, state_dim)
        self.add_module(
            "value_normalizer", ValueNormalizer() if self.model_config["normalize_values"] else None
        )

    def target_sources(self) -> tuple[str, ...]:
        return ()

    def value_networks(self) -> tuple[str, ...]:
        return ("central_critic",) if self.value_normalizer is None else ("value_normalizer",)

    def normalizers(self) -> list[RunningNormalizer]:
        own = self.value_normalizer
        return super().normalizers() if own is None else [*super().normalizers(), own]

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """Policies and values of whole episodes.

        Args:
            batch: `obs` [B, T+1, n, O], `state` [B, T+1, S], `actions` [B, T, n], `lengths` [B], `lives` [B, n].

        Returns:
            `logits` [B, T, n, U], and `values` [B, T+1, n] as the critic's network says them: in the unit of its normaliser,
            if it has one.
        """
        seen = self.seen(batch)
        values = self.central_critic(seen.state, seen.steps.pack(batch["obs"]), self.agent.normalizer)
        return {
            "logits": self.utilities(self.agent, seen)[:, :-1],
            "values": seen.steps.unpack(values),
        }

    def in_units_of_rewards(self, values: Tensor) -> Tensor:
        """What the critic's network says, [...], in the unit of rewards."""
        return values if self.value_normalizer is None else self.value_normalizer.values(values)

    def in_units_of_values(self, returns: Tensor) -> Tensor:
        """Returns [...] in the unit in which the critic's network computes."""
        return returns if self.value_normalizer is None else self.value_normalizer.normalized(returns)


class _Before(NamedTuple):
    """What an update begins with, to go back to."""

    networks: list[dict[str, Any]]
    optimizers: list[dict[str, Any]]


class MAPPOLearner(ActorCriticLearner):
    """-min(ρA, clip(ρ)A) + value loss - c_H·H, `num_epochs` times on a batch, A = G - V before the first (Yu et al. 2022).

    The mean of objective and entropy is over agents and steps at which there is a choice, that of the value loss over all
    agents at all steps. G is agent a's λ-return of V(s, o_a, a), so that A is GAE(λ). Advantages are normalised by the whole
    batch, whatever the number of learners. If loss or gradient of a step are not finite, all steps on the batch are undone.
    """

    def step(self, batch: Any, **kwargs: Any) -> Any:
        for module_id, module_batch in batch.items():
            self._prepare(module_id, module_batch)
        before = self._now() if self.config.num_epochs > 1 else None
        done = None
        for _ in range(self.config.num_epochs):
            done = super().step(batch, **kwargs)
            if not self._gradient_is_finite:
                if before is not None:
                    self._go_back(before)
                break
        return done

    @torch.no_grad()
    def _prepare(self, module_id: str, batch: Any) -> None:
        """Puts into the batch what stays as it is in all passes: `old_log_probabilities`, `old_values`, `value_targets` and
        `advantages` [B, T, n], and `num_choices` [B], of all learners' batches divided by the number of learners."""
        module: Any = self.module[module_id].unwrapped()
        config = self.config.get_config_for_module(module_id)
        out = module.forward_train(batch)
        actions, avail_actions = batch["actions"].long(), batch["avail_actions"][:, :-1]
        mask = step_mask(batch["lengths"], batch["rewards"].shape[1])
        values = module.in_units_of_rewards(out["values"])
        returns = self.returns(config, batch, values)
        # Of such as have no square nothing is learned: they would be the unit of values ever after.
        returns = torch.where(returns.square().isfinite(), returns, torch.nan)
        values = values[:, :-1]
        advantages = returns - values
        of_agents = mask.unsqueeze(-1).expand_as(returns)
        choosing = have_choice(avail_actions, mask)
        count, mean, variance = moments(advantages[choosing].unsqueeze(-1))
        if module.value_normalizer is not None:
            module.value_normalizer.update(returns[of_agents].unsqueeze(-1))
        batch["old_log_probabilities"] = policies_of(out["logits"], avail_actions, actions).taken
        batch["old_values"] = out["values"][:, :-1]
        batch["value_targets"] = module.in_units_of_values(returns)
        normalized = (advantages - mean) / (variance.sqrt() + _LEAST_DEVIATION)
        batch["advantages"] = normalized.float() if config.normalize_advantages else advantages
        batch["num_choices"] = (count / _num_learners()).float().clamp(min=1e-6).expand(len(mask))
        numbers = numbers_of_values(advantages, values, returns, of_agents, acting=choosing)
        explained = _explained_variance(returns[of_agents], advantages[of_agents])
        self.log_numbers(module_id, {**numbers, "explained_variance": explained})

    def loss_of(
        self,
        config: Any,
        batch: dict[str, Tensor],
        fwd_out: dict[str, Tensor],
        policies: Policies,
        mask: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        choosing = have_choice(batch["avail_actions"][:, :-1], mask)

        def mean(of_agents: Tensor) -> Tensor:
            return of_agents.masked_fill(~choosing, 0.0).sum() / batch["num_choices"][0]

        # Masked before anything is made of it: on padding both may be -∞.
        log_ratios = (policies.taken - batch["old_log_probabilities"]).masked_fill(~choosing, 0.0)
        policy_loss = -mean(clipped_objective(log_ratios, batch["advantages"], config.clip_range))
        values = fwd_out["values"][:, :-1].masked_fill(~mask.unsqueeze(-1), 0.0)
        errors = clipped_value_errors(
            values,
            batch["old_values"],
            batch["value_targets"],
            clip_range=config.value_clip_range,
            huber_delta=config.huber_delta,
        )
        value_loss = mean_over_steps(errors, mask, batch["num_steps"][0])
        entropy = mean(policies.entropies)
        loss = policy_loss + value_loss - config.entropy_coefficient * entropy
        with torch.no_grad():
            return loss, {
                "policy_loss": policy_loss.detach(),
                "value_loss": value_loss.detach(),
                "entropy": entropy.detach(),
                "clipped_share": mean(are_clipped(log_ratios, config.clip_range).float()),
                "kl": mean(kl_terms(log_ratios)),
            }

    def _now(self) -> _Before:
        networks = [module.state_dict() for module in self._team_modules()]
        optimizers = [optimizer.state_dict() for optimizer in self._named_optimizers.values()]
        return copy.deepcopy(_Before(networks, optimizers))

    def _go_back(self, before: _Before) -> None:
        for module, state in zip(self._team_modules(), before.networks, strict=True):
            module.load_state_dict(state)
        for optimizer, state in zip(self._named_optimizers.values(), before.optimizers, strict=True):
            optimizer.load_state_dict(state)


def have_choice(avail_actions: Tensor, mask: Tensor) -> Tensor:
    """Which agents have more than one action at the steps that were taken: [B, T, n, U] bool, [B, T] bool → [B, T, n]."""
    return (avail_actions.sum(-1) > 1) & mask.unsqueeze(-1)


def _explained_variance(returns: Tensor, errors: Tensor) -> Tensor:
    """1 - Var(errors) / Var(returns) of [R] each, of all learners: 1 where values say all, 0 where they say nothing.

    0 too if the returns do not vary.
    """
    *_, of_returns = moments(returns.unsqueeze(-1))
    *_, of_errors = moments(errors.unsqueeze(-1))
    share = 1.0 - of_errors / of_returns
    return torch.where(of_returns > 0, share, 0.0).float().squeeze(0)


def _num_learners() -> int:
    is_one_of_several = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if is_one_of_several else 1
