"""Copies of networks onto their targets."""

import copy

import torch
from torch import nn

from rllib_remix.team.target_copies import TargetCopies


class Network(nn.Module):
    """Two layers that share their weights, and a count."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = nn.Linear(2, 2)
        self.second.weight = self.first.weight
        self.register_buffer("seen", torch.zeros(2))


def pair(seed):
    torch.manual_seed(seed)
    network = Network()
    target = copy.deepcopy(network)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(1.0)
    return network, target


def test_all_weights_of_all_pairs_go_a_share_of_the_way():
    pairs = [pair(0), pair(1)]
    before = [copy.deepcopy(target.state_dict()) for _, target in pairs]
    TargetCopies(pairs).make(0.25)
    for (_, target), old in zip(pairs, before, strict=True):
        for name, weight in target.named_parameters():
            torch.testing.assert_close(weight, old[name] + 0.25)


def test_buffers_are_copied_as_they_are_also_those_that_were_replaced():
    network, target = pair(0)
    copies = TargetCopies([(network, target)])
    network.seen = torch.tensor([3.0, 4.0])
    copies.make(0.25)
    assert target.seen.tolist() == [3, 4]
    assert target.seen is not network.seen


def test_a_whole_copy_is_all_that_the_network_is():
    network, target = pair(0)
    network.seen += 5
    TargetCopies([(network, target)]).make(1.0)
    for name, value in network.state_dict().items():
        assert torch.equal(value, target.state_dict()[name]), name


def test_networks_without_weights_are_copied():
    TargetCopies([]).make(0.5)
    TargetCopies([(nn.Identity(), nn.Identity())]).make(0.5)
