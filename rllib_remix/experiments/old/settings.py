"""Settings of RLlib's old API stack, as files of that time have them, in the names of now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rllib_remix.errors import nearest
from rllib_remix.experiments.old.algorithms import algorithm_of, check_algorithm
from rllib_remix.experiments.old.envs import translate_env, translate_env_config
from rllib_remix.experiments.old.fates import Dropped, Fate, Refused, Renamed, Translated
from rllib_remix.experiments.old.models import (
    translate_head,
    translate_model,
    translate_sac_networks,
    translate_sharing,
)
from rllib_remix.experiments.old.replay import translate_replay
from rllib_remix.experiments.old.table import fate_of
from rllib_remix.experiments.old.translation import NotTaken, Translation, choices
from rllib_remix.experiments.old.values import (
    translate_exploration,
    translate_filter,
    translate_fragment,
    translate_gpus,
    translate_input,
    translate_optimization,
    translate_policies,
    translate_schedule,
)

# Within evaluation_config RLlib overwrites these.
_SET_FOR_EVALUATION: dict[str, Fate] = {
    "num_env_runners": Refused(
        "it is what evaluation_num_env_runners says, outside of evaluation_config", ()
    ),
    "rollout_fragment_length": Dropped("evaluation_duration says how much is played"),
    "batch_mode": Dropped("evaluation_duration says how much is played"),
    "input": Refused(
        "evaluation plays the environment; use offline_evaluation_interval for data", ("sampler",)
    ),
}


def translate_config(owner: str, config: Mapping[str, Any], run: object) -> tuple[dict[str, Any], list[str]]:
    """Settings with the names of the new API stack, and a note for each that was read otherwise than it was written.

    Args:
        owner: what they are of, for messages.
        config: settings by name, old or new.
        run: the algorithm that takes them: a name, a class path or a class.

    Raises:
        UserError: for old settings without successor (what to use instead), or one given by both names.
    """
    check_algorithm(run)
    translation = Translation(owner, algorithm_of(run), config)
    _translate(translation)
    translation.check()
    return translation.new, list(dict.fromkeys(translation.notes))


def _translate(translation: Translation) -> None:
    for key, value in translation.given.items():
        if str(key) in ("lr", "entropy_coeff") and translation.given.get(f"{key}_schedule") is not None:
            translation.note(str(key), f"is left out: {key}_schedule takes its place, as it always did.")
        elif not (str(key) == "env_config" and value is None):  # an empty `env_config:` of a file
            _take(translation, str(key), value)
    translate_env_config(translation)
    if translation.algorithm == "CQL" and not translation.prefix and "lr" not in translation.new:
        # RLlib refuses the default that it has itself.
        translation.new["lr"] = None


def _take(translation: Translation, key: str, value: Any) -> None:
    name, fate = key, _fate(translation, key)
    while isinstance(fate, Renamed):
        name, fate = fate.name, _fate(translation, fate.name)
    try:
        if isinstance(fate, Translated):
            _TRANSLATORS[name](translation, name, value)
        elif isinstance(fate, Refused):
            _refuse(translation, key, value, fate)
        elif isinstance(fate, Dropped):
            translation.note(key, f"is left out: {fate.reason}.")
        else:
            translation.set(key, name, value)
            if name != key:
                translation.note(key, f"is read as {name}.")
    except NotTaken as error:
        translation.refuse(key, value, str(error))


def _fate(translation: Translation, name: str) -> Fate | None:
    if translation.prefix == _EVALUATION:
        if name.startswith("evaluation_"):
            return Refused("give it outside of evaluation_config", ())
        if name in _SET_FOR_EVALUATION:
            return _SET_FOR_EVALUATION[name]
    return fate_of(translation.algorithm, name)


def _refuse(translation: Translation, key: str, value: Any, fate: Refused) -> None:
    if all(one in fate.harmless for one in choices(value)):
        if value is not None:
            translation.note(key, f"is left out: {value!r} asks for nothing.")
    else:
        translation.refuse(key, value, fate.instead)


def _translate_evaluation(translation: Translation, key: str, value: Any) -> None:
    """`evaluation_config` has settings of the same kind."""
    if value is None:
        translation.set(key, key, value)
        return
    if not isinstance(value, Mapping):
        raise NotTaken("it must map settings to values")
    inner = Translation(
        translation.owner, translation.algorithm, value, _EVALUATION, outside=translation.given
    )
    _translate(inner)
    translation.notes += inner.notes
    for why, what in inner.faults.items():
        translation.faults.setdefault(why, []).extend(what)
    translation.set(key, key, inner.new)


_EVALUATION = "evaluation_config."


def _translate_multi_agent(translation: Translation, key: str, value: Any) -> None:
    """`multiagent`: each of its settings has the fate that it has on its own."""
    if value is not None and not isinstance(value, Mapping):
        raise NotTaken("it must map names to values")
    for name, setting in (value or {}).items():
        if fate_of(translation.algorithm, str(name)) is None:
            guess = nearest(str(name), _MULTI_AGENT)
            hint = f"did you mean {guess!r}? " if guess else ""
            translation.refuse(f"{key}.{name}", setting, f"{hint}allowed: {', '.join(_MULTI_AGENT)}")
        else:
            _take(translation, str(name), setting)


_MULTI_AGENT = ("policies", "policy_mapping_fn", "policies_to_train")


def _translate_switch(translation: Translation, key: str, value: Any) -> None:
    """Switches of the new API stack, which is the only one here."""
    if False in choices(value):
        raise NotTaken("only RLlib's new API stack is run here; leave it out")


def _translate_framework(translation: Translation, key: str, value: Any) -> None:
    for framework in choices(value):
        if framework not in ("torch", None):
            raise NotTaken("RLlib's new API stack runs on PyTorch only; use torch")


def _translate_use_pytorch(translation: Translation, key: str, value: Any) -> None:
    _translate_framework(translation, key, "torch" if choices(value) == [True] else "tf")


_TRANSLATORS: dict[str, Callable[[Translation, str, Any], None]] = {
    **dict.fromkeys(
        (
            "_enable_learner_api",
            "_enable_new_api_stack",
            "_enable_rl_module_api",
            "enable_env_runner_and_connector_v2",
            "enable_rl_module_and_learner",
        ),
        _translate_switch,
    ),
    **dict.fromkeys(("model", "model_config", "model_config_dict", "_model_config"), translate_model),
    **dict.fromkeys(("framework", "framework_str"), _translate_framework),
    **dict.fromkeys(("entropy_coeff_schedule", "lr_schedule"), translate_schedule),
    **dict.fromkeys(("optimization", "optimization_config"), translate_optimization),
    **dict.fromkeys(
        ("Q_model", "q_model_config", "policy_model", "policy_model_config"), translate_sac_networks
    ),
    **dict.fromkeys(
        (
            "buffer_size",
            "learning_starts",
            "prioritized_replay",
            "prioritized_replay_alpha",
            "prioritized_replay_beta",
            "prioritized_replay_eps",
            "replay_buffer_config",
            "replay_mode",
            "replay_sequence_length",
        ),
        translate_replay,
    ),
    **dict.fromkeys(_MULTI_AGENT, translate_policies),
    "env": translate_env,
    "evaluation_config": _translate_evaluation,
    "exploration_config": translate_exploration,
    "hiddens": translate_head,
    "input": translate_input,
    "multiagent": _translate_multi_agent,
    "num_gpus": translate_gpus,
    "observation_filter": translate_filter,
    "rollout_fragment_length": translate_fragment,
    "use_pytorch": _translate_use_pytorch,
    "vf_share_layers": translate_sharing,
}
