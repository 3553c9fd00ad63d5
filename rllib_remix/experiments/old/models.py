"""`model` of the old API stack as `model_config` of the new one's default modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rllib_remix.errors import nearest, shown
from rllib_remix.experiments.old.fates import Dropped, Fate, Kept, Refused, Renamed, all_of
from rllib_remix.experiments.old.settings_of_algorithms import TEAM
from rllib_remix.experiments.old.translation import NotTaken, Translation, each

_OWN_MODULE = "write an RLModule and give it as rl_module_spec in a Python module"
_CONNECTORS = "use the connectors PrevActionsPrevRewards and FlattenObservations in a Python module"
_ATARI = (
    "frames are not prepared any more: make the environment with wrap_atari_for_new_api_stack(env, dim=…, "
    "framestack=…) of ray.rllib.env.wrappers.atari_wrappers, and give the path of that function as env"
)
_FRAMES = ("dim", "framestack", "grayscale", "zero_mean")
_NO_LSTM = Dropped("its networks are not recurrent")
_RENAMED = {
    "conv_bias_initializer_config": "conv_bias_initializer_kwargs",
    "conv_kernel_initializer_config": "conv_kernel_initializer_kwargs",
    "fcnet_bias_initializer_config": "fcnet_bias_initializer_kwargs",
    "fcnet_weights_initializer": "fcnet_kernel_initializer",
    "fcnet_weights_initializer_config": "fcnet_kernel_initializer_kwargs",
    "lstm_bias_initializer_config": "lstm_bias_initializer_kwargs",
    "lstm_weights_initializer": "lstm_kernel_initializer",
    "lstm_weights_initializer_config": "lstm_kernel_initializer_kwargs",
    "post_fcnet_activation": "head_fcnet_activation",
    "post_fcnet_bias_initializer": "head_fcnet_bias_initializer",
    "post_fcnet_bias_initializer_config": "head_fcnet_bias_initializer_kwargs",
    "post_fcnet_hiddens": "head_fcnet_hiddens",
    "post_fcnet_weights_initializer": "head_fcnet_kernel_initializer",
    "post_fcnet_weights_initializer_config": "head_fcnet_kernel_initializer_kwargs",
}
# What became of every key of MODEL_DEFAULTS, Ray 1 to 2.41.
MODEL_FATES: dict[str, Fate] = {
    **all_of(
        "fcnet_hiddens fcnet_activation fcnet_bias_initializer conv_filters conv_activation conv_kernel_initializer "
        "conv_bias_initializer free_log_std log_std_clip_param vf_share_layers use_lstm max_seq_len lstm_cell_size "
        "lstm_bias_initializer",
        Kept(),
    ),
    **{old: Renamed(new) for old, new in _RENAMED.items()},
    **all_of(
        "attention_num_transformer_units attention_dim attention_num_heads attention_head_dim "
        "attention_memory_inference attention_memory_training attention_position_wise_mlp_dim "
        "attention_init_gru_gate_bias attention_use_n_prev_actions attention_use_n_prev_rewards",
        Dropped("it was for use_attention"),
    ),
    **all_of(
        "conv_transpose_kernel_initializer conv_transpose_kernel_initializer_config conv_transpose_bias_initializer "
        "conv_transpose_bias_initializer_config",
        Refused(_OWN_MODULE),
    ),
    **dict.fromkeys(_FRAMES, Dropped("it was for Atari's frames")),
    "_disable_action_flattening": Dropped("the new API stack has no preprocessors"),
    "_disable_preprocessor_api": Dropped("the new API stack has no preprocessors"),
    "_time_major": Refused("batches come first; leave it out"),
    "_use_default_native_models": Dropped("there is one kind of networks"),
    "always_check_shapes": Dropped("shapes are always checked"),
    "custom_action_dist": Refused(_OWN_MODULE, (None,)),
    "custom_model": Refused(_OWN_MODULE, (None,)),
    "custom_model_config": Refused(_OWN_MODULE, (None, {})),
    "custom_preprocessor": Refused("use an env-to-module connector in a Python module", (None,)),
    "encoder_latent_dim": Refused("use the last of fcnet_hiddens", (None,)),
    "lstm_use_prev_action": Refused(_CONNECTORS),
    "lstm_use_prev_action_reward": Refused(_CONNECTORS),
    "lstm_use_prev_reward": Refused(_CONNECTORS),
    "no_final_linear": Refused(_OWN_MODULE),
    "use_attention": Refused("use use_lstm, or a module of your own in a Python module"),
}
_SAC: dict[str, Fate] = {
    "use_lstm": Refused(
        "its networks are not recurrent; stack observations with a connector in a Python module"
    ),
    "max_seq_len": _NO_LSTM,
    "lstm_cell_size": _NO_LSTM,
    "vf_share_layers": Dropped("it has no value function"),
}
_MODEL_FATES_BY_ALGORITHM: dict[str, dict[str, Fate]] = {
    "DQN": {
        "free_log_std": Dropped("its actions are discrete"),
        "log_std_clip_param": Dropped("its actions are discrete"),
        "vf_share_layers": Dropped("it has no value function"),
    },
    "SAC": _SAC,
    "CQL": _SAC,
    "BC": {"vf_share_layers": Dropped("it has no value function")},
}
# QMIX's networks had one setting in `model`, the size of the GRU.
_TEAM_FATES: dict[str, Fate] = {
    "lstm_cell_size": Renamed("agent_hidden_dim"),
    "max_seq_len": Refused(
        "use max_seq_len of training(), with burn_in 0 for states of zeros", (None, 999999)
    ),
}
_TEAM_NETWORKS = Refused(
    "use agent_hidden_dim, the size of the agents' GRU, which was all that QMIX read of `model`"
)
# Names that `q_model_config` and `policy_model_config` of SAC once had, and their defaults then.
_SAC_NAMES = {"hidden_layer_sizes": "fcnet_hiddens", "hidden_activation": "fcnet_activation"}
_SAC_NETWORK = {"fcnet_hiddens": [256, 256], "fcnet_activation": "relu"}


def model_defaults() -> dict[str, Any]:
    """The keys of `model_config` that RLlib's default modules know, with their defaults."""
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

    return asdict(DefaultModelConfig())


def translate_model(translation: Translation, key: str, value: Any) -> None:
    """Reads `model`, or `model_config` of now, which are told apart by their keys alone."""
    if translation.algorithm == TEAM:
        if not isinstance(value, Mapping):
            raise NotTaken(_TEAM_NETWORKS.instead)
        for name, setting in _model_of(translation, key, value).items():
            translation.set(key, name, setting)
        return
    model = each(value, lambda one: _model_of(translation, key, one))
    if model:
        translation.merge(key, "_model_config", model)
        translation.note(key, "is read as the model config of the new API stack's RLModule.")


def translate_head(translation: Translation, key: str, hiddens: Any) -> None:
    """Reads DQN's `hiddens`: the layers of the heads."""
    translation.merge(key, "_model_config", {"head_fcnet_hiddens": hiddens})
    translation.note(key, "is read as head_fcnet_hiddens of the RLModule's model config.")


def translate_sharing(translation: Translation, key: str, value: Any) -> None:
    """Reads `vf_share_layers`, which was a setting of its own before it was one of `model`."""
    translation.merge(key, "_model_config", {key: value})
    translation.note(key, "is read as vf_share_layers of the RLModule's model config.")


def translate_sac_networks(translation: Translation, key: str, value: Any) -> None:
    """Reads SAC's networks of policy and Q, which have one model config together now."""
    others = [
        name for name in ("Q_model", "q_model_config", "policy_model", "policy_model_config") if name != key
    ]
    models = [_sac_network(translation, key, value)]
    models += [
        _sac_network(translation, name, translation.given.get(name)) for name in others if _is(name, key)
    ]
    if any(model != models[0] for model in models):
        raise NotTaken(
            f"policy and Q have one model config now, and theirs differ ({shown(models[0])} and "
            f"{shown(models[1])}); use `model`"
        )
    # Q encodes observations and actions apart now, and fuses them in layers that would be tanh of 256 by default.
    fused = {f"fusionnet_{what}": models[0][f"fcnet_{what}"] for what in ("hiddens", "activation")}
    translation.merge(key, "_model_config", models[0] | fused)
    translation.note(key, "is read as the model config of the RLModule, of policy and Q together.")


def _is(name: str, key: str) -> bool:
    """Whether `name` is the other network's, in the names of the same time."""
    return name.endswith("_config") == key.endswith("_config")


def _sac_network(translation: Translation, key: str, value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise NotTaken("it must map names to values")
    renamed = {_SAC_NAMES.get(str(name), str(name)): setting for name, setting in (value or {}).items()}
    return _SAC_NETWORK | _model_of(translation, key, renamed)


def _model_of(translation: Translation, key: str, value: Any) -> dict[str, Any]:
    """The keys of now of one `model`; what cannot be taken over becomes a fault of the translation."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise NotTaken("it must map names to values")
    new: dict[str, Any] = {}
    for name, setting in value.items():
        _take(translation, key, str(name), setting, new)
    return new


def _take(translation: Translation, key: str, name: str, setting: Any, new: dict[str, Any]) -> None:
    fate = _model_fate(translation, name)
    if isinstance(fate, Renamed):
        translation.note(f"{key}.{name}", f"is read as {fate.name}.")
        name = fate.name
    if isinstance(fate, Refused):
        if setting not in fate.harmless:
            translation.refuse(f"{key}.{name}", setting, fate.instead)
    elif isinstance(fate, Dropped):
        translation.note(f"{key}.{name}", f"is left out: {fate.reason}.")
    elif name in new and new[name] != setting:
        translation.fault(f"{key}.{name}", "is given by two names; give one.")
    else:
        new[name] = setting


def _model_fate(translation: Translation, name: str) -> Fate:
    if translation.algorithm == TEAM:
        return _TEAM_FATES.get(name, _TEAM_NETWORKS)
    if name in _FRAMES and _plays_atari(translation.given):
        return Refused(_ATARI, ())
    special = _MODEL_FATES_BY_ALGORITHM.get(translation.algorithm, {})
    fate = special.get(name) or MODEL_FATES.get(name)
    if fate is not None:
        return fate
    known = model_defaults()
    if name in known or not _has_default_module(translation.algorithm):
        return Kept()
    guess = nearest(name, [*known, *MODEL_FATES])
    hint = f"did you mean {guess!r}? " if guess else ""
    allowed = [key for key in known if "initializer" not in key]
    return Refused(
        f"no default module has that key; {hint}allowed: {', '.join(allowed)}, and their initializers", ()
    )


def _has_default_module(algorithm: str) -> bool:
    """Whether the module is one of RLlib's, so that its keys are known."""
    from ray.rllib.algorithms.registry import ALGORITHMS

    return algorithm in ALGORITHMS


def _plays_atari(given: Mapping[str, Any]) -> bool:
    names = str(given.get("env"))
    return "ALE/" in names or "NoFrameskip" in names or "Deterministic-v" in names
