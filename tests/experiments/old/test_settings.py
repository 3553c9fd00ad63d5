"""Translated settings do what they did: seen on the connectors, modules, learners and configs that RLlib builds."""

import gymnasium
import numpy as np
import pytest
import torch
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.checking import check_experiment
from rllib_remix.experiments.experiment import Experiment as Ours
from rllib_remix.experiments.old.effects import check_effects
from rllib_remix.experiments.old.settings import translate_config
from rllib_remix.experiments.trials import configure

TWO_STEP = "ray.rllib.examples.env.two_step_game"
TWO_STEP_NOW = "ray.rllib.examples.envs.classes.multi_agent.two_step_game"


def translated(run, **settings):
    return translate_config("config", settings, run)[0]


def built(run, env="CartPole-v1", **settings):
    """The config that RLlib gets."""
    return configure(find_algorithm(run)[2], translated(run, env=env, num_workers=0, **settings))


def connectors_of(config, env):
    """The env-to-module connectors for an environment."""
    space = (env.observation_space, env.action_space)
    spaces = {INPUT_ENV_SINGLE_SPACES: space, INPUT_ENV_SPACES: space}
    return config.build_env_to_module_connector(env=None, spaces=spaces).connectors


def learning_rates(config):
    env = gymnasium.make(config.env)
    learner = config.build_learner(env=env)
    return {
        name.removeprefix("default_policy_"): optimizer.param_groups[0]["lr"]
        for name, optimizer in learner._named_optimizers.items()
    }


def sizes(config):
    """Output sizes of the module's linear layers."""
    env = gymnasium.make(config.env)
    module = config.get_rl_module_spec(env=env).build()
    return [layer.out_features for layer in module.modules() if isinstance(layer, torch.nn.Linear)]


def names(connectors):
    return [type(connector).__name__ for connector in connectors]


def refusal(run, **settings):
    with pytest.raises((UserError, SettingError)) as error:
        built(run, **settings)
    return str(error.value)


# Filters


@pytest.mark.parametrize("name", ["MeanStdFilter", "ConcurrentMeanStdFilter"])
def test_an_observation_filter_becomes_a_connector_that_normalizes_and_does_not_clip(name):
    config = built("PPO", env="Pendulum-v1", observation_filter=name)
    first, *_ = connectors_of(config, gymnasium.make("Pendulum-v1"))
    assert names([first]) == ["MeanStdFilter"]
    first._init_new_filters()
    (statistics,) = first._filters.values()
    for value in (0.0, 1.0, 2.0):
        statistics(np.full(3, value, np.float32))
    # Mean 1, standard deviation 1 (of the sample): far outside, and not clipped at ±10.
    assert statistics(np.full(3, 1000.0, np.float32), update=False) == pytest.approx(999.0, rel=1e-3)


def test_observations_that_are_no_boxes_are_flattened_before_the_filter():
    config = built("PPO", env="FrozenLake-v1", observation_filter="MeanStdFilter")
    connectors = connectors_of(config, gymnasium.make("FrozenLake-v1"))
    assert names(connectors)[:2] == ["FlattenObservations", "MeanStdFilter"]


def test_agents_of_a_multi_agent_experiment_are_filtered_each_on_their_own():
    from ray.rllib.examples.envs.classes.multi_agent import MultiAgentCartPole

    config = built(
        "PPO",
        env="ray.rllib.examples.env.multi_agent.MultiAgentCartPole",
        observation_filter="MeanStdFilter",
        multiagent={"policies": ["p0", "p1"], "policy_mapping_fn": MAPPING},
    )
    env = MultiAgentCartPole({"num_agents": 2})
    space = tuple(
        gymnasium.spaces.Dict({agent: of(agent) for agent in env.possible_agents})
        for of in (env.get_observation_space, env.get_action_space)
    )
    spaces = {INPUT_ENV_SINGLE_SPACES: space, INPUT_ENV_SPACES: space}
    first, *_ = config.build_env_to_module_connector(env=None, spaces=spaces).connectors
    assert names([first]) == ["MeanStdFilter"]
    assert first._multi_agent


MAPPING = {"type": "ray.rllib.examples.multi_agent_and_self_play.policy_mapping_fn.PolicyMappingFn"}


def test_agents_are_filtered_each_on_their_own_in_evaluation_too():
    policies = {"one": [None, None, None, {}], "two": [None, None, None, {}]}
    config = translated(
        "PPO",
        observation_filter="MeanStdFilter",
        multiagent={"policies": policies},
        evaluation_config={"observation_filter": "MeanStdFilter"},
    )
    here, there = config["_env_to_module_connector"], config["evaluation_config"]["_env_to_module_connector"]
    assert here is there


def test_no_filter_is_no_connector_and_takes_trainings_away_in_evaluation():
    assert translated("PPO", observation_filter="NoFilter") == {}
    config = translated(
        "PPO", observation_filter="MeanStdFilter", evaluation_config={"observation_filter": "NoFilter"}
    )
    assert config["_env_to_module_connector"] is not None
    assert config["evaluation_config"] == {"_env_to_module_connector": None}


def test_filters_can_be_searched():
    config = translated("PPO", observation_filter={"grid_search": ["NoFilter", "MeanStdFilter"]})
    none, some = config["_env_to_module_connector"]["grid_search"]
    assert none is None
    assert callable(some)


def test_filters_that_nothing_does_now_are_refused():
    assert "observation_filter: 'Nonsense' cannot be taken over; allowed: NoFilter" in refusal(
        "PPO", observation_filter="Nonsense"
    )
    assert "scale the observations in the environment" in refusal("QMIX", observation_filter="MeanStdFilter")


def test_switches_of_the_filters_statistics_have_successors():
    assert translated("PPO", use_worker_filter_stats=False, update_worker_filter_stats=False) == {
        "merge_env_runner_states": False,
        "broadcast_env_runner_states": False,
    }


# Learning rates and schedules


def test_sacs_optimization_becomes_its_three_learning_rates():
    rates = {"actor_learning_rate": 0.005, "critic_learning_rate": 0.006, "entropy_learning_rate": 0.0001}
    config = built("SAC", env="Pendulum-v1", optimization=rates)
    # As many critics as there are, two unless twin_q is off.
    assert learning_rates(config) == {"policy": 0.005, "qf": 0.006, "qf_twin": 0.006, "alpha": 0.0001}


def test_a_rate_that_optimization_does_not_give_is_what_it_was():
    config = translated("SAC", optimization={"critic_learning_rate": 0.01})
    assert config == {"actor_lr": 3e-4, "critic_lr": 0.01, "alpha_lr": 3e-4}


def test_unknown_and_double_learning_rates_are_refused():
    assert "did you mean 'actor_learning_rate'?" in refusal("SAC", optimization={"actor_learning_rte": 1})
    assert "optimization is read as actor_lr, which is given too; give one." in refusal(
        "SAC", optimization={"actor_learning_rate": 1e-3}, actor_lr=1e-3
    )


@pytest.mark.parametrize("run", ["PPO", "IMPALA", "DQN", "QMIX"])
def test_a_schedule_of_the_learning_rate_becomes_the_learning_rate(run):
    schedule = [[0, 0.001], [10_000, 0.0001]]
    env = {"env": "two_step_game"} if run == "QMIX" else {}
    assert built(run, lr_schedule=schedule, **env).lr == schedule
    # The schedule always won.
    config, notes = translate_config("config", {"lr": 1.0, "lr_schedule": schedule}, run)
    assert config == {"lr": schedule}
    assert "config: lr is left out: lr_schedule takes its place, as it always did." in notes


def test_schedules_of_entropy_are_kept_and_one_point_is_a_constant():
    assert translated("PPO", entropy_coeff_schedule=[[0, 0.1], [100, 0]]) == {
        "entropy_coeff": [[0, 0.1], [100, 0]]
    }
    assert translated("PPO", lr_schedule=[[0, 0.1]]) == {"lr": 0.1}
    assert translated("PPO", lr_schedule=None, lr=0.1) == {"lr": 0.1}
    assert "forwards from 0" in refusal("PPO", lr_schedule=[[5, 0.1], [3, 0.2]])


# Exploration


def test_epsilon_is_what_the_algorithm_had_where_nothing_is_given():
    assert translated("DQN", exploration_config={"epsilon_timesteps": 500}) == {
        "epsilon": [[0, 1.0], [500, 0.02]]
    }
    assert translated("QMIX", exploration_config={"final_epsilon": 0.0}) == {
        "epsilon": [[0, 1.0], [40_000, 0.0]]
    }
    warm = {"type": "EpsilonGreedy", "warmup_timesteps": 100, "initial_epsilon": 0.9, "epsilon_timesteps": 50}
    assert translated("DQN", exploration_config=warm) == {"epsilon": [[0, 0.9], [100, 0.9], [150, 0.02]]}


def test_exploration_that_modules_do_anyway_is_left_out_and_any_other_refused():
    assert translated("PPO", exploration_config={"type": "StochasticSampling"}) == {}
    assert translated("PPO", exploration_config={}) == {}
    for run, config in (
        ("PPO", {"type": "StochasticSampling", "random_timesteps": 5}),
        ("PPO", {"final_epsilon": 0.1}),
        ("DQN", {"type": "SoftQ", "temperature": 1.0}),
        ("DQN", {"final_epsilo": 0.1}),
        ("DQN", {"final_epsilon": "small"}),
    ):
        assert "exploration_config: {" in refusal(run, exploration_config=config)


# Models


def test_keys_of_model_become_keys_of_the_model_config_and_have_their_effect():
    config = built("PPO", model={"fcnet_hiddens": [11], "post_fcnet_hiddens": [7], "vf_share_layers": True})
    # One encoder, then a head of 7 units for policy (2 actions) and value.
    assert sorted(sizes(config)) == [1, 2, 7, 7, 11]


def test_a_recurrent_model_is_one():
    config = built("PPO", model={"use_lstm": True, "lstm_cell_size": 9, "max_seq_len": 5})
    module = config.get_rl_module_spec(env=gymnasium.make("CartPole-v1")).build()
    assert module.is_stateful()
    assert [layer.hidden_size for layer in module.modules() if isinstance(layer, torch.nn.LSTM)] == [9, 9]
    assert module.model_config["max_seq_len"] == 5


def test_dqns_hiddens_are_the_layers_of_its_heads():
    config = built("DQN", hiddens=[13], model={"fcnet_hiddens": [11]})
    assert sizes(config).count(13) == 2  # advantage and value
    assert 11 in sizes(config)
    assert 256 not in sizes(config)


def test_sacs_two_network_configs_become_one():
    network = {"fcnet_hiddens": [17], "fcnet_activation": "relu"}
    config = built("SAC", env="Pendulum-v1", q_model_config=network, policy_model_config=network)
    assert config.model_config["fcnet_hiddens"] == [17]
    assert 17 in sizes(config)
    assert 256 not in sizes(config)
    # Files of Ray 1 had other names; what is not given is as it was.
    old = {"hidden_layer_sizes": [17]}
    fused = {"fusionnet_hiddens": [17], "fusionnet_activation": "relu"}
    assert translated("SAC", Q_model=old, policy_model=old) == {"_model_config": {**network, **fused}}
    assert "theirs differ" in refusal("SAC", q_model_config={"fcnet_hiddens": [17]})


@pytest.mark.parametrize(
    ("run", "model", "message"),
    [
        (
            "PPO",
            {"custom_model": "mine"},
            "model.custom_model: 'mine' cannot be taken over; write an RLModule",
        ),
        ("PPO", {"custom_model_config": {"a": 1}}, "model.custom_model_config: {'a': 1} cannot"),
        ("PPO", {"use_attention": True}, "model.use_attention: True cannot be taken over; use use_lstm"),
        ("PPO", {"lstm_use_prev_action": True}, "use the connectors PrevActionsPrevRewards"),
        ("PPO", {"custom_action_dist": "mine"}, "model.custom_action_dist: 'mine'"),
        ("PPO", {"no_final_linear": True}, "model.no_final_linear: True"),
        ("PPO", {"fcnet_hidens": [3]}, "did you mean 'fcnet_hiddens'?"),
        ("PPO", {"fcnet_hiddens": 3}, "fcnet_hiddens: 3 is not allowed; it must be a list."),
        ("PPO", {"use_lstm": "yes"}, "use_lstm: 'yes' is not allowed; it must be true or false."),
        ("SAC", {"use_lstm": True}, "its networks are not recurrent"),
        ("DreamerV3", {"fcnet_hiddens": [3]}, "use model_size"),
        ("QMIX", {"fcnet_hiddens": [3]}, "use agent_hidden_dim"),
    ],
)
def test_keys_of_model_without_effect_are_refused(run, model, message):
    assert message in refusal(run, model=model)


def test_defaults_of_old_models_do_not_stand_in_the_way():
    """A file that spells out what RLlib did by default runs."""
    spelt = {"custom_model": None, "custom_model_config": {}, "use_attention": False, "_time_major": False}
    config, notes = translate_config("config", {"model": {**spelt, "framestack": True, "dim": 84}}, "PPO")
    assert config == {}
    assert "config: model.framestack is left out: it was for Atari's frames." in notes


def test_frames_of_atari_are_refused_with_what_prepares_them():
    with pytest.raises(UserError) as error:
        translate_config("config", {"env": "ALE/Pong-v5", "model": {"dim": 42, "framestack": True}}, "PPO")
    assert "model.dim: 42, model.framestack: True cannot be taken over" in str(error.value)
    assert "wrap_atari_for_new_api_stack" in str(error.value)


def test_the_size_of_qmixs_gru_is_the_teams():
    assert translated("QMIX", model={"lstm_cell_size": 32, "max_seq_len": 999999}) == {"agent_hidden_dim": 32}


# Replay


def test_settings_of_replay_become_those_of_a_buffer_of_episodes():
    config = built(
        "DQN",
        replay_buffer_config={
            "type": "MultiAgentPrioritizedReplayBuffer",
            "capacity": 500,
            "prioritized_replay_alpha": 0.5,
            "prioritized_replay_beta": 0.3,
            "prioritized_replay_eps": 1e-6,
            "min_size_for_sampling": 100,
            "storage_unit": "timesteps",
        },
    )
    buffer = {"type": "PrioritizedEpisodeReplayBuffer", "capacity": 500, "alpha": 0.5, "beta": 0.3}
    assert {
        key: getattr(value, "__name__", value) for key, value in config.replay_buffer_config.items()
    } == buffer
    assert config.num_steps_sampled_before_learning_starts == 100


def test_settings_of_replay_from_before_there_was_a_config_of_it_are_read():
    assert translated("SAC", buffer_size=9, prioritized_replay=False, learning_starts=7) == {
        "replay_buffer_config": {"capacity": 9, "type": "EpisodeReplayBuffer"},
        "num_steps_sampled_before_learning_starts": 7,
    }
    several = translated("DQN", multiagent={"policies": ["a", "b"]}, prioritized_replay=True)
    assert several["replay_buffer_config"] == {"type": "MultiAgentPrioritizedEpisodeReplayBuffer"}


@pytest.mark.parametrize(
    ("buffer", "message"),
    [
        ({"capacit": 5}, "did you mean 'capacity'?"),
        ({"type": "ReservoirReplayBuffer"}, "ReservoirReplayBuffer is gone from RLlib"),
        ({"type": "EpisodeReplyBuffer"}, "did you mean 'EpisodeReplayBuffer'?"),
        (
            {"storage_unit": "sequences"},
            "replay_buffer_config: storage_unit: 'sequences' cannot be taken over",
        ),
        ({"prioritized_replay_eps": 0.1}, "priorities have a fixed ε"),
        (5, "replay_buffer_config: 5 cannot be taken over; it must map names to values"),
    ],
)
def test_replay_that_is_not_understood_is_refused(buffer, message):
    assert message in refusal("DQN", replay_buffer_config=buffer)


def test_a_fragment_is_at_least_as_long_as_n_step_as_it_was_made_then():
    assert built("SAC", env="Pendulum-v1", n_step=3, rollout_fragment_length=1).rollout_fragment_length == 3


# Several agents


def test_policies_and_their_mapping_are_read_from_a_file():
    config = built(
        "PPO",
        multiagent={"policies": {"p0": None, "p1": [None, None, None, {}]}, "policy_mapping_fn": MAPPING},
    )
    assert config.is_multi_agent
    assert set(config.policies) == {"p0", "p1"}
    assert config.policy_mapping_fn(1, None) == "p1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count_steps_by": "agent_steps"}, "count_steps_by: 'agent_steps' cannot be taken over"),
        ({"polices": ["a"]}, "multiagent.polices: ['a'] cannot be taken over; did you mean 'policies'?"),
        (
            {"policies": {"p": [None, None, None, {"gamma": 0.9}]}},
            "policy 'p' has a class, spaces or settings",
        ),
        ({"policy_mapping_fn": "no.such.function"}, "'no.such.function' cannot be loaded"),
        ({"observation_fn": "mine"}, "observation_fn: 'mine' cannot be taken over"),
        ({"replay_mode": "lockstep"}, "replay_mode: 'lockstep' cannot be taken over"),
    ],
)
def test_settings_of_several_agents_without_effect_are_refused(settings, message):
    assert message in refusal("PPO", multiagent=settings)
    if "polices" not in settings:
        assert message in refusal("PPO", **settings)


def test_a_team_is_one_module():
    assert (
        translated("QMIX", multiagent={"policies": ["default_policy"], "count_steps_by": "env_steps"}) == {}
    )
    assert "a team is one module" in refusal("QMIX", multiagent={"policies": ["a", "b"]})


# Machines


@pytest.mark.parametrize(
    ("gpus", "new"),
    [
        (0, {"num_gpus_per_learner": 0}),
        (0.5, {"num_gpus_per_learner": 0.5}),
        (4, {"num_learners": 4, "num_gpus_per_learner": 1}),
    ],
)
def test_several_gpus_are_as_many_learners(gpus, new):
    assert translated("PPO", num_gpus=gpus) == new


# Evaluation


def test_settings_within_evaluation_config_have_the_same_fates():
    config = built(
        "PPO",
        env="Pendulum-v1",
        evaluation_interval=1,
        evaluation_config={"explore": False, "num_envs_per_worker": 2, "observation_filter": "MeanStdFilter"},
    )
    evaluation = config.get_evaluation_config_object()
    assert (evaluation.explore, evaluation.num_envs_per_env_runner) == (False, 2)
    assert names(connectors_of(evaluation, gymnasium.make("Pendulum-v1")))[0] == "MeanStdFilter"
    assert names(connectors_of(config, gymnasium.make("Pendulum-v1")))[0] != "MeanStdFilter"


@pytest.mark.parametrize(
    ("run", "settings", "message"),
    [
        ("PPO", {"horizon": 9}, "evaluation_config.horizon: 9 cannot be taken over"),
        ("PPO", {"model": {"custom_model": "x"}}, "evaluation_config.model.custom_model: 'x' cannot"),
        ("PPO", {"num_workers": 2}, "evaluation_config.num_workers: 2 cannot be taken over; it is what evaluation_num"),
        ("PPO", {"evaluation_interval": 2}, "evaluation_config.evaluation_interval: 2 cannot"),
        ("PPO", {"explor": False}, "evaluation_config: unknown key 'explor'; did you mean 'explore'?"),
        ("PPO", {"explore": "no"}, "evaluation_config: explore: 'no' is not allowed; it must be true or false."),
        ("QMIX", {"train_batch_size": 32}, "evaluation_config.train_batch_size: 32 cannot be taken over"),
        ("QMIX", {"explor": False}, "unknown key 'explor'; did you mean 'explore'?"),
    ],
)  # fmt: skip
def test_settings_within_evaluation_config_are_refused_by_their_whole_name(run, settings, message):
    env = {"env": "two_step_game"} if run == "QMIX" else {}
    assert message in refusal(run, evaluation_config=settings, **env)


# QMIX's own files


def test_the_grouped_two_step_game_is_found_where_it_is_now_and_gets_its_settings():
    settings = {"separate_state_space": True, "one_hot_state_encoding": True}
    config, notes = translate_config(
        "config",
        {"env": f"{TWO_STEP}.TwoStepGameWithGroupedAgents", "env_config": {"env_config": settings}},
        "QMIX",
    )
    limit = {"team_adapter": {"episode_limit": 2}}  # the game ends after two steps, and says it nowhere
    assert config == {"env": f"{TWO_STEP_NOW}.TwoStepGameWithGroupedAgents", "env_config": settings | limit}
    assert f"is read as {TWO_STEP_NOW}.TwoStepGameWithGroupedAgents." in notes[0]
    assert "gets team_adapter: {episode_limit: 2}, which the game does not say." in notes[-1]


def test_env_config_of_rllibs_own_algorithms_is_what_the_class_is_called_with():
    env = "ray.rllib.examples.env.repeat_after_me_env.RepeatAfterMeEnv"
    config = translated("PPO", env=env, env_config={"config": {"repeat_delay": 2}})
    assert config["env_config"] == {"repeat_delay": 2}
    assert config["env"].startswith("ray.rllib.examples.envs.classes.")


def test_an_example_that_is_gone_is_told():
    assert "RLlib's examples have no CooperativePong any more" in refusal(
        "QMIX", env="ray.rllib.examples.env.pettingzoo_envs.CooperativePong"
    )


def test_batches_in_env_steps_are_refused_for_teams_even_where_they_are_rllibs_default():
    message = refusal("QMIX", env="two_step_game", train_batch_size=32, rollout_fragment_length=200)
    assert (
        "train_batch_size: 32 cannot be taken over; it counts env steps: use `train_batch_episodes`"
        in message
    )
    assert "rollout_fragment_length: 200 cannot be taken over" in message
    for give in (
        lambda: QMIXConfig().training(train_batch_size=32),
        lambda: QMIXConfig().update_from_dict({"train_batch_size": 32}),
    ):
        with pytest.raises(SettingError, match="train_batch_size: 32 is not allowed"):
            give()
    QMIXConfig().update_from_dict(QMIXConfig().to_dict())  # all settings, of which none was asked for


def test_other_settings_of_old_qmix_are_read_or_refused():
    assert translated("QMIX", mixing_embed_dim=16, grad_norm_clipping=5, double_q=True) == {
        "mixer_embed_dim": 16,
        "grad_clip": 5,
    }
    for name in ("target_network_update_freq", "learning_starts", "replay_buffer_config", "optim_alpha"):
        assert f"{name}: 7 cannot be taken over" in refusal("QMIX", **{name: 7})


# Python modules, whose configs are made before they are read


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.training(model={"fcnet_hiddens": [3]}), "model: {'fcnet_hiddens': [3]} would have no effect"),
        (lambda c: c.env_runners(observation_filter="MeanStdFilter"), "observation_filter: 'MeanStdFilter' would"),
        (lambda c: c.multi_agent(count_steps_by="agent_steps"), "count_steps_by: 'agent_steps' would have no effect"),
        (lambda c: c.rl_module(model_config={"fcnet_hidens": [3]}), "did you mean 'fcnet_hiddens'?"),
        (lambda c: c.environment(clip_rewards=True), "clip_rewards: True would have no effect"),
        (
            lambda c: c.evaluation(evaluation_config={"observation_filter": "MeanStdFilter"}),
            "evaluation_config: observation_filter: 'MeanStdFilter' would have no effect",
        ),
    ],
)  # fmt: skip
def test_settings_without_effect_are_refused_in_python_too(change, message):
    from ray.rllib.algorithms.ppo import PPO, PPOConfig

    config = change(PPOConfig().environment("CartPole-v1"))
    with pytest.raises(UserError) as error:
        check_experiment(Ours("x", PPO, config.to_dict()))
    assert message in str(error.value)


@pytest.mark.parametrize(
    "run",
    [
        *("PPO", "APPO", "IMPALA", "DQN", "SAC", "CQL", "MARWIL", "BC", "DreamerV3"),
        "ray.rllib.algorithms.iql.IQL",
    ],
)
def test_rllibs_own_defaults_have_no_setting_without_effect(run):
    _, _, default = find_algorithm(run)
    check_effects("config", find_algorithm(run)[2], default)


def test_sacs_optimization_is_refused_in_python_with_what_to_use():
    from ray.rllib.algorithms.sac import SAC, SACConfig

    config = SACConfig().environment("Pendulum-v1")
    config.training(
        optimization_config={
            "actor_learning_rate": 0.005,
            "critic_learning_rate": 0.005,
            "entropy_learning_rate": 0.1,
        }
    )
    with pytest.raises(UserError, match="use training\\(actor_lr=…"):
        check_experiment(Ours("x", SAC, config.to_dict()))
