import copy
import subprocess
import sys

import pytest
import torch

from rllib_remix.learning.optimizers import uncompiled

KINDS = {"adam": (torch.optim.Adam, {"fused": True}), "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9})}
ALONE = """
import sys, torch
from rllib_remix.learning.optimizers import uncompiled
weights = [torch.nn.Parameter(torch.ones(3))]
for kind in (torch.optim.Adam, torch.optim.RMSprop):
    optimizer = uncompiled(kind)(weights, lr=0.1)
    optimizer.zero_grad()
    sum(weights).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print(weights[0][0].item() < 1, "torch._dynamo" in sys.modules)
"""


def trained(kind, options, steps, state=None):
    """The weights after so many steps, and the optimizer."""
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 5)), torch.nn.Parameter(torch.ones(2, 3))]
    optimizer = kind(weights, lr=0.05, **options)
    if state is not None:
        optimizer.load_state_dict(copy.deepcopy(state))
    for _ in range(steps):
        optimizer.zero_grad()
        sum((weight**3).sum() for weight in weights).backward()
        optimizer.step()
    return [weight.detach() for weight in weights], optimizer


@pytest.mark.parametrize("name", KINDS)
def test_steps_are_those_of_pytorchs_to_the_bit(name):
    kind, options = KINDS[name]
    ours, optimizer = trained(uncompiled(kind), options, 5)
    theirs, _ = trained(kind, options, 5)
    assert isinstance(optimizer, kind)
    assert type(optimizer).__name__ == kind.__name__
    assert all(map(torch.equal, ours, theirs))
    assert not torch.equal(ours[0], torch.linspace(-1, 1, 5))


@pytest.mark.parametrize("name", KINDS)
def test_states_of_one_are_states_of_the_other(name):
    kind, options = KINDS[name]
    state = trained(kind, options, 3)[1].state_dict()
    ours, _ = trained(uncompiled(kind), options, 2, state)
    theirs, _ = trained(kind, options, 2, state)
    assert all(map(torch.equal, ours, theirs))


def test_the_compiler_is_not_loaded():
    said = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "False"]
