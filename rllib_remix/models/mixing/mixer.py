"""What all mixers take, and what each of them says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from torch import Tensor, nn

if TYPE_CHECKING:
    from typing_extensions import Self


class MixerInputs(NamedTuple):
    """What mixers take of N steps; what the mixer at hand does not need may be None.

    Attributes:
        chosen: [N, n] float32, each agent's utility of its action.
        state: [N, S], any real dtype; if it is bfloat16 the networks that give the weights compute in bfloat16, but
            the mixing stays in float32.
        best: [N, n] float32, each agent's greatest utility over its available actions, of the same network.
        actions: [N, n] int64, the joint action.
        agents: [N, n, O + n] float32 or bfloat16, what each agent observes, and a one-hot of its index.
    """

    chosen: Tensor
    state: Tensor
    best: Tensor | None = None
    actions: Tensor | None = None
    agents: Tensor | None = None


class MixerSizes(NamedTuple):
    """Sizes of a team as its mixer sees it."""

    n_agents: int
    n_actions: int
    state_dim: int  # S, of the state that the networks read
    obs_dim: int | None  # O, of observations that are vectors; None if they are images


class Mixer(nn.Module):
    """From the agents' utilities to Q_tot; a subclass computes it, and says what it needs for it."""

    # Settings that its networks depend on.
    sizes: ClassVar[tuple[str, ...]] = ()
    needs_state: ClassVar[bool] = True
    needs_best: ClassVar[bool] = False
    needs_actions: ClassVar[bool] = False
    needs_agents: ClassVar[bool] = False
    # Whether there is `with_gradient`: whether Q_tot is a function of the chosen utilities alone, given the state.
    has_gradient: ClassVar[bool] = False
    # Whether Q_tot is in proportion to the utilities, so that it is rescaled by rescaling them.
    is_proportional: ClassVar[bool] = False

    @classmethod
    def of(cls, team: MixerSizes, networks: Mapping[str, Any]) -> Self:
        """An untrained one for a team, with the `sizes` that a config's `networks()` has."""
        return cls()

    def begin_at_zero(self) -> None:
        """Lets Q_tot begin near 0 in all states."""

    def rescale(self, factor: float) -> None:
        """Multiplies Q_tot by a factor above 0, while the utilities stay; of a mixer that is not proportional."""
        raise NotImplementedError

    def forward(self, inputs: MixerInputs) -> Tensor:
        """Q_tot [N] float32 of the joint action."""
        raise NotImplementedError

    def with_gradient(self, inputs: MixerInputs) -> tuple[Tensor, Tensor]:
        """Q_tot, and f'_j = ∂Q_tot/∂Q^j [N, n] float32 in closed form from the same pass; it carries no gradient."""
        raise NotImplementedError


class Unmixed(Mixer):
    """No mixer: the utilities stay as they are, [N, n] float32, where mixers give [N]."""

    needs_state = False
    is_proportional = True

    def forward(self, inputs: MixerInputs) -> Tensor:
        return inputs.chosen
