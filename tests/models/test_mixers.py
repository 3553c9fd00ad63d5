"""What holds for all mixers."""

import pytest
import torch

from rllib_remix.errors import SettingError
from rllib_remix.models.mixers import MIXERS, new_mixer
from rllib_remix.models.mixing.mixer import MixerInputs, MixerSizes, Unmixed
from rllib_remix.models.mixing.qatten import QattenMixer
from rllib_remix.models.mixing.qmix import QMIXMixer
from rllib_remix.models.mixing.qplex import QPLEXMixer
from rllib_remix.models.mixing.vdn import VDNMixer

TEAM = MixerSizes(n_agents=3, n_actions=4, state_dim=5, obs_dim=6)
NETWORKS = {"mixer_embed_dim": 7, "hypernet_hidden_dim": 8, "mixer_heads": 2, "importance_layers": 3}


def made(name: str):
    torch.manual_seed(0)
    return new_mixer(TEAM, NETWORKS | {"mixer": name})


def inputs(rows: int = 20, *, scale: float = 1.0) -> MixerInputs:
    """Nothing that a mixer could need is missing."""
    generator = torch.Generator().manual_seed(1)
    utilities = torch.randn(rows, TEAM.n_agents, TEAM.n_actions, generator=generator) * scale
    actions = torch.randint(TEAM.n_actions, (rows, TEAM.n_agents), generator=generator)
    return MixerInputs(
        chosen=utilities.gather(-1, actions.unsqueeze(-1)).squeeze(-1),
        state=torch.randn(rows, TEAM.state_dim, generator=generator),
        best=utilities.amax(-1),
        actions=actions,
        agents=torch.randn(rows, TEAM.n_agents, TEAM.obs_dim + TEAM.n_agents, generator=generator),
    )


def test_mixers_are_known_by_their_names():
    classes = {"vdn": VDNMixer, "qmix": QMIXMixer, "qatten": QattenMixer, "qplex": QPLEXMixer}
    assert classes == MIXERS


def test_without_a_mixer_utilities_stay_as_they_are():
    unmixed = new_mixer(TEAM, {"mixer": None})
    assert isinstance(unmixed, Unmixed)
    assert torch.equal(unmixed(inputs()), inputs().chosen)


@pytest.mark.parametrize("name", MIXERS)
def test_its_networks_have_the_sizes_of_the_settings_that_it_names(name):
    shapes = {key: weight.shape for key, weight in made(name).named_parameters()}
    for setting in NETWORKS:
        with torch.device("meta"):
            other = new_mixer(TEAM, NETWORKS | {"mixer": name, setting: NETWORKS[setting] + 1})
        changed = {key: weight.shape for key, weight in other.named_parameters()} != shapes
        assert changed == (setting in MIXERS[name].sizes)


@pytest.mark.parametrize("name", MIXERS)
@pytest.mark.parametrize("needed", ["state", "best", "actions", "agents"])
def test_it_says_what_it_needs(name, needed):
    mixer, given = made(name), inputs()
    nothing = given.state[:, :0] if needed == "state" else None
    without = given._replace(**{needed: nothing})
    if getattr(MIXERS[name], f"needs_{needed}"):
        with pytest.raises((AssertionError, RuntimeError)):
            mixer(without)
    else:
        torch.testing.assert_close(mixer(without), mixer(given))


@pytest.mark.parametrize("name", [name for name, mixer in MIXERS.items() if mixer.has_gradient])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1e4])
def test_the_gradient_in_closed_form_is_autograds_and_never_negative(name, scale):
    mixer, given = made(name), inputs(scale=scale)
    chosen = given.chosen.clone().requires_grad_()
    q_tot, gradient = mixer.with_gradient(given._replace(chosen=chosen))
    torch.testing.assert_close(q_tot, mixer(given))
    torch.testing.assert_close(gradient, torch.autograd.grad(q_tot.sum(), chosen)[0], rtol=1e-5, atol=1e-5)
    assert (gradient >= 0).all()
    assert not gradient.requires_grad


@pytest.mark.parametrize("name", MIXERS)
def test_q_tot_can_begin_near_0_in_all_states(name):
    mixer, given = made(name), inputs(scale=0.0)._replace(state=100 * torch.randn(20, TEAM.state_dim))
    before = mixer(given).abs().max()
    mixer.begin_at_zero()
    assert mixer(given).abs().max() < 1e-6
    assert name == "vdn" or before > 1


@pytest.mark.parametrize("name", MIXERS)
def test_bfloat16_values_are_close_and_come_as_float32(name):
    mixer, given = made(name), inputs()
    assert given.agents is not None
    low = mixer(given._replace(state=given.state.bfloat16(), agents=given.agents.bfloat16()))
    assert low.dtype == torch.float32
    assert (low - mixer(given)).abs().max() < 0.03 * mixer(given).abs().max()


@pytest.mark.parametrize("name", [name for name, mixer in MIXERS.items() if mixer.needs_state])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_states_may_have_any_real_dtype(name, dtype):
    mixer, given = made(name), inputs()
    state = torch.randint(2, given.state.shape).to(dtype)
    torch.testing.assert_close(mixer(given._replace(state=state)), mixer(given._replace(state=state.float())))


@pytest.mark.parametrize(
    "name", [name for name, mixer in MIXERS.items() if list(mixer.of(TEAM, NETWORKS).parameters())]
)
def test_every_weight_learns(name):
    mixer = made(name)
    mixer(inputs()).sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in mixer.parameters())


def test_a_mixer_of_what_agents_observe_refuses_images():
    images = TEAM._replace(obs_dim=None)
    with pytest.raises(
        SettingError, match=r"mixer: 'qatten' is not possible for a team that sees images.*'qmix'"
    ):
        new_mixer(images, NETWORKS | {"mixer": "qatten"})
    assert new_mixer(images, NETWORKS | {"mixer": "qplex"})
