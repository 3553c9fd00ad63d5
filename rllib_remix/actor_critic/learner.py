"""What the learners of the actor-critics share: optimizers, policies of a batch, λ-returns, and what is logged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from ray.rllib.core.learner.learner import DEFAULT_OPTIMIZER
from torch import Tensor

from rllib_remix.learning.loss import masked_mean, masked_std
from rllib_remix.learning.optimizers import uncompiled
from rllib_remix.learning.policies import Policies, mean_over_steps, policies_of
from rllib_remix.learning.targets import at_the_ends, lambda_returns, step_mask
from rllib_remix.team.learner import TeamLearner

_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": uncompiled(torch.optim.Adam),
    "rmsprop": partial(uncompiled(torch.optim.RMSprop), alpha=0.99, eps=1e-5),
}


class ActorCriticLearner(TeamLearner):
    """Updates an ActorCriticModule; a subclass has the losses of its actor and its critic, `loss_of`."""

    def loss_of(
        self,
        config: Any,
        batch: dict[str, Tensor],
        fwd_out: dict[str, Tensor],
        policies: Policies,
        mask: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and scalars to be logged, `policy_loss` and `value_loss` among them.

        Where optimizers step different weights, it is a sum of losses without gradients of each other's weights.

        Args:
            config: an ActorCriticConfig.
            batch: as TeamLearner has it.
            fwd_out: what the module's `_forward_train` returned.
            policies: of the batch, at its T steps.
            mask: [B, T] bool, True on steps that were really taken.
        """
        raise NotImplementedError

    def compute_loss_for_module(
        self, *, module_id: str, config: Any, batch: dict[str, Tensor], fwd_out: dict[str, Tensor]
    ) -> Tensor:
        mask = step_mask(batch["lengths"], batch["rewards"].shape[1])
        policies = policies_of(fwd_out["logits"], batch["avail_actions"][:, :-1], batch["actions"].long())
        loss, numbers = self.loss_of(config, batch, fwd_out, policies, mask)
        entropy = mean_over_steps(policies.entropies.detach(), mask, batch["num_steps"][0])
        self.log_numbers(module_id, {"entropy": entropy, **numbers})
        return self.finite_or_no_gradient(loss)

    @torch.no_grad()
    def returns(self, config: Any, batch: dict[str, Tensor], values: Tensor) -> Tensor:
        """λ-returns [B, T] of the batch over values [B, T+1], in the unit of learning; 0 on padding.

        Over every agent's own values [B, T+1, n] they are [B, T, n].
        """
        rewards, lengths, terminated = batch["rewards"], batch["lengths"], batch["terminated"]
        agents = values.shape[2] if values.dim() == 3 else 0
        if agents:  # Each becomes an episode of its own.
            values = values.transpose(1, 2).flatten(0, 1)
            rewards, lengths, terminated = (
                each.repeat_interleave(agents, 0) for each in (rewards, lengths, terminated)
            )
        ends = {"truncated_value": config.truncated_value, "time_limit": config.time_limit}
        values, terminated = at_the_ends(values, lengths, terminated, **ends)
        how = {"gamma": config.gamma, "td_lambda": config.td_lambda}
        returns = lambda_returns(rewards, values, lengths, terminated, **how)
        return returns.unflatten(0, (-1, agents)).transpose(1, 2) if agents else returns

    # RLlib's hooks

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """As RLlib's, of the kind that is set, with an optimizer for each entry of the module's `optimized`."""
        module: Any = self._module[module_id]  # pyright: ignore[reportOptionalSubscript]
        for name, weights in module.unwrapped().optimized().items():
            rate = None if name in (DEFAULT_OPTIMIZER, "actor") else getattr(config, f"{name}_lr")
            self.register_optimizer(
                module_id=module_id,
                optimizer_name=name,
                optimizer=_OPTIMIZERS[config.optimizer_kind](weights),
                params=weights,
                lr_or_lr_schedule=config.lr if rate is None else rate,
            )

    def postprocess_gradients_for_module(
        self, *, module_id: str, config: Any = None, module_gradients_dict: dict[Any, Any]
    ) -> Any:
        """As TeamLearner's; with several optimizers the norm of each is logged, as `grad_norm_NAME`."""
        optimizers = self.get_optimizers_for_module(module_id)
        if len(optimizers) > 1:
            norms = {}
            for name, optimizer in optimizers:
                own: dict[Any, Any] = self.filter_param_dict_for_optimizer(module_gradients_dict, optimizer)
                gradients = [each for each in own.values() if each is not None]
                norms[f"grad_norm_{name}"] = torch.nn.utils.get_total_norm(gradients)
            self.log_numbers(module_id, norms)
        return super().postprocess_gradients_for_module(
            module_id=module_id, config=config, module_gradients_dict=module_gradients_dict
        )


def numbers_of_values(
    advantages: Tensor, values: Tensor, targets: Tensor, mask: Tensor, *, acting: Tensor | None = None
) -> dict[str, Tensor]:
    """What is logged of [B, T] advantages, values and targets: means over real steps, and the advantages' deviation.

    Of those of every agent, [B, T, n], over agents too. `acting` [B, T] are the steps of which the advantages are, if not
    of all that the mask has.
    """
    acting = mask if acting is None else acting
    of_advantages, of_values = (
        steps.unsqueeze(-1).expand_as(numbers) if numbers.dim() > steps.dim() else steps
        for steps, numbers in ((acting, advantages), (mask, values))
    )
    return {
        "advantage_mean": masked_mean(advantages, of_advantages),
        "advantage_std": masked_std(advantages, of_advantages),
        "value_mean": masked_mean(values.detach(), of_values),
        "target_mean": masked_mean(targets, of_values),
    }
