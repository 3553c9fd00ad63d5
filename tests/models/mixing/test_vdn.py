import torch

from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.models.mixing.vdn import VDNMixer


def test_it_is_the_sum_of_the_utilities():
    inputs = MixerInputs(torch.tensor([[1.0, 2.0, -4.0]]), torch.zeros(1, 2))
    assert VDNMixer()(inputs).tolist() == [-1]
    q_tot, gradient = VDNMixer().with_gradient(inputs)
    assert (q_tot.tolist(), gradient.tolist()) == ([-1], [[1, 1, 1]])


def test_nothing_of_it_is_learned():
    assert list(VDNMixer().parameters()) == []
