"""What the JSON of a checkpoint may hold, field by field."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from rllib_remix.checkpoints.reading import unreadable
from rllib_remix.envs.agent_layout import check_layout
from rllib_remix.errors import SettingError, nearest, shown
from rllib_remix.models.critics.table import CRITICS
from rllib_remix.models.groups.assignment import SETTING, are_groups
from rllib_remix.models.mixers import MIXERS
from rllib_remix.models.mixing.fop import FOPMixer
from rllib_remix.settings import check_schedule, is_interval

_LONGEST_NAME = 200  # characters
_MOST_OTHERS = 64  # settings of networks that only an algorithm of a user's knows, and entries of one
_TEXT = f"a printable text of {_LONGEST_NAME} characters or less"
_PLAIN = f"a number, true or false, null, {_TEXT}, or a list of at most {_MOST_OTHERS} of these"
_MOST_HEADS, _MOST_LAYERS = 64, 8  # of mixers; every layer is a network of its own to be made


def _is_name(value: str) -> str:
    if not (value.isprintable() and value.strip()):
        raise ValueError("printable characters")
    return value


def _is_mixer(value: str) -> str:
    if value not in MIXERS:
        raise ValueError(" or ".join(map(repr, MIXERS)))
    return value


def _is_critic(value: str) -> str:
    if value not in CRITICS:
        raise ValueError(" or ".join(map(repr, CRITICS)))
    return value


def _is_groups(value: Any) -> Any:
    if value is not None and not are_groups(value):
        raise ValueError(
            "null, for one group of all, or a list of the agents' groups, numbered from 0 as they come"
        )
    return value


def _is_interval(value: Any) -> Any:
    if value is not None and not is_interval(value):
        raise ValueError("null or [low, high], two finite numbers with low < high")
    return value


def _is_epsilon(value: Any) -> Any:
    try:
        check_schedule("epsilon", value, low=0, high=1)
    except SettingError:
        raise ValueError("a number in [0, 1] or a schedule [[0, start], [env steps, end], …]") from None
    return value


# Limits within which no product of sizes leaves 64 bits.
_Count = Annotated[int, Field(ge=1, le=2**16)]
_Size = Annotated[int, Field(ge=1, le=2**28)]
_Name = Annotated[str, Field(max_length=_LONGEST_NAME), AfterValidator(_is_name)]
_DType = Literal[
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64"
]  # fmt: skip
_Epsilon = Annotated[Any, AfterValidator(_is_epsilon)]


class _Open(BaseModel):
    """Keys that it does not name are ignored: RLlib adds its own, and later versions may.

    pydantic lists all that is wrong, which must not be as much as somebody likes: so it forbids no keys, and looks at no
    entries of lists.
    """

    model_config = ConfigDict(strict=True, extra="ignore")


class Team(_Open):
    """TeamSpec."""

    n_agents: _Count
    n_actions: _Count
    obs_dim: _Size
    state_dim: _Size
    episode_limit: Annotated[int, Field(ge=1, le=2**53)]
    obs_dtype: _DType
    state_dtype: _DType
    agents: list[Any] = []  # names in the order of the slots; not known of older checkpoints
    obs_shape: list[Any] = []  # of images; not known of older checkpoints

    @field_validator("agents")
    @classmethod
    def _name_every_agent(cls, agents: list[Any], known: ValidationInfo) -> list[Any]:
        n_agents = known.data.get("n_agents")
        named = all(isinstance(name, str) and name.isprintable() and name.strip() for name in agents)
        if agents and not (named and len(agents) == len(set(agents)) == n_agents):
            raise ValueError(f"{n_agents} different printable names, as n_agents says")
        return agents

    @field_validator("obs_shape")
    @classmethod
    def _is_of_an_observation(cls, shape: list[Any], known: ValidationInfo) -> list[Any]:
        sides = len(shape) == 3 and all(type(side) is int and side >= 1 for side in shape)
        if shape and not (sides and math.prod(shape) == known.data.get("obs_dim")):
            raise ValueError("empty, or three sizes whose product is obs_dim")
        return shape


class Networks(_Open):
    """A config's `networks()`; what older checkpoints lack is optional.

    An algorithm with networks of its own has further keys, see `_wrong_in_networks`.
    """

    agent_hidden_dim: _Count
    agent_extra_outputs: Annotated[int, Field(ge=0, le=2**16)] = 0
    stochastic_policy: bool = False
    observe_last_action: bool
    observe_agent_id: bool
    share_parameters: Annotated[Any, AfterValidator(_is_groups)] = None
    utility_clamp: Annotated[Any, AfterValidator(_is_interval)] = None
    mixer_embed_dim: _Count | None = None
    hypernet_hidden_dim: _Count | None = None
    q_star_hidden_dim: _Count | None = None
    q_jt_hidden_dim: _Count | None = None
    mixer_heads: Annotated[int, Field(ge=1, le=_MOST_HEADS)] | None = None
    importance_layers: Annotated[int, Field(ge=1, le=_MOST_LAYERS)] | None = None
    agent_extra_outputs: Annotated[int, Field(ge=0, le=2**16)] = 0
    critic_hidden_dim: _Count | None = None
    mixer: Annotated[str, AfterValidator(_is_mixer)] | None = None
    central_critic: Annotated[str, AfterValidator(_is_critic)] | None = None
    use_q_star: bool = False
    use_q_jt: bool = False
    use_twin_critics: bool = False
    use_mixer_gradient: bool = False
    zero_initial_values: bool = False
    encoder: Literal["auto", "mlp", "cnn"] = "auto"
    observe_time: bool = False
    normalize_observations: bool | None = False
    normalize_values: bool = False
    skip_removed_agents: bool = True
    compute_dtype: Literal["float32", "bfloat16"] = "float32"

    @field_validator("mixer", "central_critic", "use_q_star", "use_q_jt", "use_twin_critics")
    @classmethod
    def _has_its_sizes(cls, network: Any, known: ValidationInfo) -> Any:
        of_networks = {
            "mixer": MIXERS[network].sizes if network in MIXERS else (),
            "central_critic": CRITICS.get(network, ()),
            "use_q_star": ("q_star_hidden_dim",),
            "use_q_jt": ("q_jt_hidden_dim", "agent_extra_outputs"),
            "use_twin_critics": FOPMixer.sizes,
        }
        sizes = of_networks[known.field_name or ""]
        missing = [name for name in sizes if name in known.data and not known.data[name]]
        if network and missing:
            raise ValueError(f"left out, or {' and '.join(missing)} be given")
        return network


class _Evaluation(_Open):
    env: _Name | None = None
    env_config: dict[str, Any] | None = None
    explore: bool | None = None
    epsilon: _Epsilon = 0.0
    num_envs_per_env_runner: _Count | None = None


class _Config(_Open):
    """What of an algorithm's settings matters to a team that plays."""

    epsilon: _Epsilon = 0.0
    num_envs_per_env_runner: _Count | None = None
    evaluation_config: _Evaluation | None = None


class Metadata(_Open):
    """What a team's checkpoint or export says about itself."""

    algorithm: _Name
    environment: _Name | None = None
    env_config: dict[str, Any] | None = None
    team: Team
    networks: Networks
    config: _Config = _Config()  # in exports, and in a checkpoint's portable settings
    training_iteration: Annotated[int, Field(ge=0)] | None = None

    @field_validator("networks")
    @classmethod
    def _have_images_to_encode(cls, networks: Networks, known: ValidationInfo) -> Networks:
        team = known.data.get("team")
        if networks.encoder == "cnn" and team is not None and not team.obs_shape:
            raise ValueError('without the encoder "cnn", as team.obs_shape is empty')
        return networks

    @field_validator("networks")
    @classmethod
    def _have_a_group_for_every_agent(cls, networks: Networks, known: ValidationInfo) -> Networks:
        team, groups = known.data.get("team"), networks.share_parameters
        if groups is None or team is None:
            return networks
        if len(groups) != team.n_agents:
            raise ValueError(f"with {team.n_agents} entries in share_parameters, as team.n_agents says")
        if any(groups) and team.obs_shape and networks.encoder != "mlp":
            raise ValueError(
                "with one group in share_parameters, as agents that see images share their parameters"
            )
        return networks


# pydantic's names of errors -> what is allowed instead, as messages say it.
_ALLOWED = {
    "int_type": "an integer",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "string_too_long": "of {max_length} characters or less",
    "literal_error": "{expected}",
    "value_error": "{error}",
}


def check_metadata(folder: Path, file: str, content: dict[str, Any]) -> None:
    """Checks the JSON of a checkpoint's or an export's file.

    Raises:
        CheckpointError: it names the field, its value and what is allowed.
    """
    if wrong := _wrong_in_team(content.get("team")) or _wrong_in_networks(content.get("networks")):
        raise unreadable(folder, f"{file}:", wrong)
    try:
        Metadata.model_validate(content)
    except ValidationError as error:
        raise unreadable(folder, f"{file}:", _said(error.errors(include_url=False)[0])) from None
    if content.get("agent_layout") is not None:  # not known of older checkpoints
        try:
            check_layout(content["agent_layout"], {"agents": [], **content["team"]})
        except ValueError as error:
            raise unreadable(folder, f"{file}:", f"agent_layout: {error}.") from None


def check_can_be_saved(owner: str, networks: dict[str, Any]) -> None:
    """Checks that a checkpoint with a config's `networks()` could be read back.

    Raises:
        SettingError: it could not; `owner` is put before what is wrong.
    """
    try:
        # Groups by name become numbers when the agents are known.
        of_any_team = {name: value for name, value in networks.items() if name != SETTING}
        saved = json.loads(json.dumps(of_any_team, allow_nan=False))
        Networks.model_validate(saved)
        wrong = _wrong_in_networks(saved)
    except (TypeError, ValueError) as error:
        known = isinstance(error, ValidationError)
        wrong = _said(error.errors(include_url=False)[0]) if known else f"{error}."
    if wrong:
        raise SettingError(f"{owner}: {wrong} Otherwise no checkpoint could be read back.")


def _wrong_in_team(team: Any) -> str:
    """What is wrong with the keys of a team, as a sentence; "" if nothing is."""
    unknown = [key for key in team if key not in Team.model_fields] if isinstance(team, dict) else []
    if not unknown:
        return ""
    guess = nearest(unknown[0][:_LONGEST_NAME], Team.model_fields)
    hint = f"; did you mean {guess!r}?" if guess else "."
    return f"team: unknown key {shown(unknown[0])}{hint} Allowed: {', '.join(Team.model_fields)}."


def _wrong_in_networks(networks: Any) -> str:
    """What is wrong with settings that `Networks` does not name, as a sentence; "" if nothing is."""
    if not isinstance(networks, dict):
        return ""
    if "mixer" in networks and "utility_clamp" not in networks:  # Without it the team would play otherwise.
        return "networks.utility_clamp is missing."
    others = {key: value for key, value in networks.items() if key not in Networks.model_fields}
    if len(others) > _MOST_OTHERS:
        return f"networks: {len(others):,} keys of an algorithm's own are not allowed; {_MOST_OTHERS} are at most."
    for key, value in others.items():
        if not (_is_plain(key) and key.strip()):
            return f"networks: {shown(key)} is not allowed as a key; it must be {_TEXT}."
        entries = value if isinstance(value, list) else [value]
        if len(entries) > _MOST_OTHERS or not all(map(_is_plain, entries)):
            return f"networks.{key}: {shown(value)} is not allowed; it must be {_PLAIN}."
    return ""


def _is_plain(value: Any) -> bool:
    """Whether it is what `_PLAIN` says, and no list."""
    if isinstance(value, str):
        return value.isprintable() and len(value) <= _LONGEST_NAME
    return value is None or isinstance(value, bool | int | float)


def _said(problem: Any) -> str:
    """One of pydantic's errors as a sentence."""
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{field} is missing."
    form = _ALLOWED.get(problem["type"])
    allowed = form.format(**problem.get("ctx", {})) if form else problem["msg"]
    return f"{field}: {shown(problem['input'])} is not allowed; it must be {allowed}."
