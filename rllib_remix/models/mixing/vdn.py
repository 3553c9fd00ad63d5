"""The mixer of VDN: a sum."""

from __future__ import annotations

import torch
from torch import Tensor

from rllib_remix.models.mixing.mixer import Mixer, MixerInputs


class VDNMixer(Mixer):
    """Q_tot = Σ_a Q^a (Sunehag et al. 2018); the utilities of untrained networks are small, and so is their sum."""

    needs_state = False
    has_gradient = True
    is_proportional = True

    def forward(self, inputs: MixerInputs) -> Tensor:
        return inputs.chosen.sum(-1)

    def with_gradient(self, inputs: MixerInputs) -> tuple[Tensor, Tensor]:
        """Q_tot, and ∂Q_tot/∂Q^j = 1 as [N, n]."""
        return self(inputs), torch.ones_like(inputs.chosen)
