"""Copies of the networks that learn onto their targets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TargetCopies:
    """Makes all copies of a learner.

    Weights and parts are looked up once, as an optimizer's are: a walk through the networks for every update would take longer
    than the copies of small ones.

    Args:
        pairs: networks and their targets, which have the same parts.
    """

    def __init__(self, pairs: Sequence[tuple[nn.Module, nn.Module]]):
        self._pairs = pairs
        self._online: list[Tensor] = [each for source, _ in pairs for each in source.parameters()]
        self._targets: list[Tensor] = [each for _, target in pairs for each in target.parameters()]
        parts = [
            both for source, target in pairs for both in zip(source.modules(), target.modules(), strict=True)
        ]
        # What is in them is looked up anew: parts may put other tensors there.
        self._buffers = [(online._buffers, copied._buffers) for online, copied in parts]

    @torch.no_grad()
    def make(self, tau: float) -> None:
        """target ← τ·source + (1 - τ)·target for weights; τ = 1 and all that is no weight is copied as it is."""
        if tau == 1.0:
            for source, target in self._pairs:
                target.load_state_dict(source.state_dict())
            return
        if self._targets:  # The call takes no empty list.
            torch._foreach_lerp_(self._targets, self._online, tau)  # pyright: ignore[reportPrivateImportUsage]
        for online, copied in self._buffers:
            for name, buffer in copied.items():
                if buffer is not None and (now := online[name]) is not None:
                    buffer.copy_(now)
