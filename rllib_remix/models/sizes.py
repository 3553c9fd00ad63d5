"""What a team's networks hold and need, told from their settings before anything is allocated."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rllib_remix.errors import SettingError
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.critics.table import new_critic
from rllib_remix.models.groups.agent import recurrent_agent
from rllib_remix.models.groups.assignment import GroupPlaces, agent_groups
from rllib_remix.models.image_encoder import ImageEncoder, encoded_shape
from rllib_remix.models.joint_q import UnrestrictedJointQ
from rllib_remix.models.mixers import MIXERS, new_mixer
from rllib_remix.models.mixing.fop import FOPMixer
from rllib_remix.models.mixing.mixer import MixerSizes
from rllib_remix.models.normalizer import RunningNormalizer, normalizes
from rllib_remix.models.qtran import QTRANJointQ, StateValue
from rllib_remix.models.value_normalizer import ValueNormalizer

# Whose shapes settings say.
NETWORKS = (
    "agent",
    "mixer",
    "q_star_agent",
    "q_star",
    "q_jt",
    "state_value",
    "central_critic",
    "critic_agents",
    "critic_mixers",
    "state_normalizer",
    "value_normalizer",
)

TWINS = 2  # critics, of which the lesser value counts

MAX_WEIGHTS_OF_STATE = 100_000_000  # of a team that sees images; with targets and optimizer 1.6 GB


def new_agent(team: Any, networks: dict[str, Any]) -> RecurrentAgent:
    """An untrained agent network.

    Args:
        team: a TeamSpec.
        networks: as a config's `networks()` or a checkpoint has them; without `utility_clamp` there are no limits.

    Raises:
        SettingError: the encoder does not fit what the team sees, or the groups of agents are not of the team.
    """
    agent = _agent_without_normalizer(team, networks, networks.get("agent_extra_outputs", 0))
    if normalizes(networks, _image_shape(team, networks)):
        agent.normalizer = RunningNormalizer(team.obs_dim)
    return agent


def _agent_without_normalizer(team: Any, networks: dict[str, Any], extra_outputs: int = 0) -> RecurrentAgent:
    clamp = networks.get("utility_clamp")
    return recurrent_agent(
        agent_groups(networks, team.n_agents, team.agents),
        team.obs_dim,
        team.n_actions,
        hidden_dim=networks["agent_hidden_dim"],
        observe_last_action=networks["observe_last_action"],
        observe_agent_id=networks["observe_agent_id"],
        episode_limit=team.episode_limit if networks.get("observe_time") else None,
        image_shape=_image_shape(team, networks),
        utility_clamp=tuple(clamp) if clamp else None,
        extra_outputs=extra_outputs,
    )


def _image_shape(team: Any, networks: dict[str, Any]) -> tuple[int, ...]:
    return encoded_shape(networks.get("encoder", "auto"), team.obs_shape)


def network_shapes(team: Any, networks: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name → shape of all weights of NETWORKS that a checkpoint of this team may hold, those of their targets included.

    Args:
        team: a TeamSpec.
        networks: as `new_agent`; without `mixer`, `use_q_star`, `use_q_jt`, `use_twin_critics` or `central_critic`
            there are none of these.

    Raises:
        SettingError: as `new_agent`, or the mixer does not fit what the team sees.
    """
    parts: dict[str, nn.Module] = {}
    with torch.device("meta"):
        parts["agent"] = new_agent(team, networks)
        parts |= joint_networks(sizes := _mixer_sizes(team, networks), networks)
        if networks.get("central_critic"):
            seen = team.obs_dim, team.n_actions, team.n_agents, sizes.state_dim
            parts["central_critic"] = new_critic(*seen, networks, image_shape=_image_shape(team, networks))
        if networks.get("use_q_star"):
            parts["q_star_agent"] = _agent_without_normalizer(team, networks)
        if networks.get("use_twin_critics"):
            twins = (_agent_without_normalizer(team, networks) for _ in range(TWINS))
            parts["critic_agents"] = nn.ModuleList(twins)
        if normalizes(networks, _image_shape(team, networks)):
            parts["state_normalizer"] = RunningNormalizer(team.state_dim)
        if networks.get("normalize_values"):
            parts["value_normalizer"] = ValueNormalizer()
    of_parts = {
        f"{part}.{name}": tuple(weight.shape)
        for part, network in parts.items()
        for name, weight in network.state_dict().items()
    }
    return of_parts | {f"target_{name}": shape for name, shape in of_parts.items()}


def _mixer_sizes(team: Any, networks: dict[str, Any]) -> MixerSizes:
    state_dim = team.state_dim + bool(networks.get("observe_time"))
    obs_dim = None if _image_shape(team, networks) else team.obs_dim
    return MixerSizes(team.n_agents, team.n_actions, state_dim, obs_dim)


def joint_networks(team: MixerSizes, networks: dict[str, Any]) -> dict[str, nn.Module]:
    """The untrained networks of the whole team: mixer, Q*, Q_jt and V, twin critics' mixers, those that there are.

    Raises:
        SettingError: the mixer does not fit what the team sees.
    """
    parts: dict[str, nn.Module] = {}
    if networks.get("mixer"):
        parts["mixer"] = new_mixer(team, networks)
    if networks.get("use_q_star"):
        parts["q_star"] = UnrestrictedJointQ(
            team.n_agents, team.state_dim, hidden_dim=networks["q_star_hidden_dim"]
        )
    if networks.get("use_q_jt"):
        hidden_dim = networks["q_jt_hidden_dim"]
        parts["q_jt"] = QTRANJointQ(
            team.n_agents,
            team.n_actions,
            team.state_dim,
            features=networks["agent_extra_outputs"],
            hidden_dim=hidden_dim,
        )
        parts["state_value"] = StateValue(team.state_dim, hidden_dim=hidden_dim)
    if networks.get("use_twin_critics"):
        parts["critic_mixers"] = nn.ModuleList(FOPMixer.of(team, networks) for _ in range(TWINS))
    return parts


def reads_state(networks: dict[str, Any]) -> bool:
    """Whether any network reads the state: VDN's mixer and IQL's agents do not, and a state of images is large.

    Networks that do not say whether they have a mixer are those of an algorithm that has other ones.
    """
    if networks.get("use_q_star") or networks.get("use_q_jt") or "mixer" not in networks:
        return True
    return bool(networks["mixer"]) and MIXERS[networks["mixer"]].needs_state


def weights_of_state(team: MixerSizes, networks: dict[str, Any]) -> int:
    """How many weights `joint_networks` have in the layers that read the state, alone or beside something else.

    Nothing is allocated.

    Raises:
        SettingError: as `joint_networks`.
    """
    with torch.device("meta"):
        parts = joint_networks(team, networks).values()
    shapes = [weight.shape for part in parts for weight in part.parameters()]
    return sum(shape.numel() for shape in shapes if len(shape) == 2 and shape[1] >= team.state_dim)


def sizes_for_mixer(
    agent: RecurrentAgent, n_agents: int, state_dim: int, networks: dict[str, Any]
) -> MixerSizes:
    """A team as its mixer sees it.

    Args:
        agent: its agents' network.
        n_agents, state_dim: n, and S of the state that networks read.
        networks: as `joint_networks` has them.

    Raises:
        SettingError: the team sees images, and its mixer cannot make anything of them, or would be enormous.
    """
    if agent.image is None:
        return MixerSizes(n_agents, agent.n_actions, state_dim, agent.obs_dim)
    check_image_state(sizes := MixerSizes(n_agents, agent.n_actions, state_dim, None), networks)
    return sizes


def check_image_state(team: MixerSizes, networks: dict[str, Any]) -> None:
    """Raises SettingError for a state, made of images, for which the networks that read it would be enormous."""
    _check_weights(
        weights_of_state(team, networks),
        team.state_dim,
        f"{_what_reads_the_state(networks)} is not possible{' with Q*' if networks.get('use_q_star') else ''}",
        'lower hypernet_hidden_dim, or train VDN, whose mixer "vdn" needs no state',
    )


def _what_reads_the_state(networks: dict[str, Any]) -> str:
    """The name of the largest network that reads the state, for messages."""
    if networks.get("use_q_jt"):
        return "QTRAN's Q_jt"
    return "FOP" if networks.get("use_twin_critics") else f"mixer: {networks['mixer']!r}"


def check_critics_state(team: tuple[int, int, int, int], networks: dict[str, Any]) -> None:
    """Raises SettingError for a state, made of images, for which a critic of agents would be enormous.

    Args:
        team: O, U, n and S. networks: as `new_critic` has them.
    """
    with torch.device("meta"):
        shapes = [weight.shape for weight in new_critic(*team, networks).parameters()]
    state_dim = team[-1]
    weights = sum(shape[0] * state_dim for shape in shapes if len(shape) == 2 and shape[1] >= state_dim)
    refused = f"critic_hidden_dim: {networks['critic_hidden_dim']} is not possible"
    _check_weights(weights, state_dim, refused, "or lower critic_hidden_dim")


def _check_weights(weights: int, state_dim: int, refused: str, or_else: str) -> None:
    if weights > MAX_WEIGHTS_OF_STATE:
        raise SettingError(
            f"{refused}, as the state has {state_dim:,} numbers, for which its networks would have {weights:,} weights; "
            f"allowed for a team that sees images: {MAX_WEIGHTS_OF_STATE:,}. Let the environment show a small state "
            f"(team_adapter.state), shrink the images, {or_else}."
        )


def numbers_of_agents_step(team: Any, networks: dict[str, Any]) -> int:
    """How many numbers are laid out of one agent at one step.

    What its first linear layer reads, of an image its features, and what a mixer reads that weighs agents by what they
    observe.
    """
    mixer = networks.get("mixer")
    observed = team.obs_dim + team.n_agents if mixer and MIXERS[mixer].needs_agents else 0
    with torch.device("meta"):
        return new_agent(team, networks).encoder.in_features + observed


def acting_bytes(team: Any, networks: dict[str, Any]) -> int:
    """About how much memory AgentStepper takes for one copy, beside the weights."""
    hidden, agents, actions = networks["agent_hidden_dim"], team.n_agents, team.n_actions
    inputs = team.obs_dim + actions * networks["observe_last_action"] + agents * networks["observe_agent_id"]
    if image_shape := encoded_shape(networks.get("encoder", "auto"), team.obs_shape):
        with torch.device("meta"):
            inputs += ImageEncoder(image_shape).floats
    one_hots = 4 * actions**2 + 8 * agents**2 * networks["observe_agent_id"]
    places = GroupPlaces(agent_groups(networks, agents, team.agents))
    if places.count == 1:
        return 4 * agents * (inputs + 14 * hidden + actions) + one_hots
    of_places = 4 * places.count * places.largest * (inputs + 13 * hidden + actions)
    return of_places + 4 * agents * (inputs + actions) + one_hots
