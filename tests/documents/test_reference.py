"""What the pages of docs/api/ and docs/rllib_features.md name is there."""

import inspect
import re
from importlib import import_module

import pytest
from pages.blocks import ROOT

import rllib_remix
from rllib_remix import MAPPOConfig, QMIXConfig
from rllib_remix.errors import SettingError
from rllib_remix.team.settings.unused import UNUSED_SETTINGS

REFERENCE = "".join(page.read_text(encoding="utf-8") for page in sorted(ROOT.glob("docs/api/*.md")))
NAMED = re.findall(r"^::: (\S+)$", REFERENCE, flags=re.MULTILINE)
FEATURES = (ROOT / "docs" / "rllib_features.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"\w+", FEATURES))


def found(name):
    """A module, or what one offers."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return getattr(import_module(module), last)


@pytest.mark.parametrize("name", NAMED)
def test_what_the_reference_names_is_there_and_has_a_docstring(name):
    assert inspect.getdoc(found(name))


def test_functions_and_classes_that_the_package_offers_are_in_the_reference():
    """But for the single algorithms, whose configs differ in presets, and replay buffers, which nobody makes by hand."""
    offered = set(rllib_remix.__all__) - {*rllib_remix.names_to_import()}
    internal = {name for name in offered if name.endswith("ReplayBuffer")}
    assert offered - internal <= {name.rpartition(".")[2] for name in NAMED}


def test_every_setting_of_rllibs_without_effect_is_on_the_page():
    names = {name.strip("_") for name in UNUSED_SETTINGS}
    summed_up = {"env_to_module_connector", "module_to_env_connector", "input", "output"}
    assert names - summed_up <= WORDS


def config_with(method, arguments, config_class=QMIXConfig):
    config = config_class().environment("matrix_game")
    getattr(config, method)(**arguments)
    return config


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("callbacks", {"on_episode_end": print}),
        ("env_runners", {"num_env_runners": 2, "num_cpus_per_env_runner": 2, "sample_timeout_s": 30.0}),
        ("fault_tolerance", {"restart_failed_env_runners": True, "ignore_env_runner_failures": True}),
        ("learners", {"num_learners": 2}),
        (
            "training",
            {"lr": [[0, 1e-3], [1000, 1e-4]], "gamma": 0.9, "grad_clip": 1.0, "grad_clip_by": "norm"},
        ),
        (
            "evaluation",
            {"evaluation_interval": 1, "evaluation_duration": 9, "evaluation_duration_unit": "timesteps"},
        ),
        (
            "evaluation",
            {
                "evaluation_interval": 1,
                "evaluation_parallel_to_training": True,
                "evaluation_num_env_runners": 1,
            },
        ),
        ("reporting", {"min_time_s_per_iteration": 5, "log_gradients": True}),
        ("debugging", {"seed": 1, "log_level": "INFO"}),
        ("resources", {"placement_strategy": "SPREAD", "num_cpus_for_main_process": 2}),
    ],
)
def test_what_the_page_says_to_work_is_taken(method, arguments):
    config_with(method, arguments).validate()


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("env_runners", {"rollout_fragment_length": 10}),
        ("env_runners", {"env_to_module_connector": print}),
        ("env_runners", {"gym_env_vectorize_mode": "ASYNC"}),
        ("learners", {"num_aggregator_actors_per_learner": 1}),
        ("training", {"train_batch_size_per_learner": 10}),
        ("training", {"minibatch_size": 10}),
        ("training", {"num_epochs": 2}),
        ("training", {"learner_class": object}),
        ("training", {"learner_connector": print}),
        ("training", {"replay_buffer_config": {}}),
        ("rl_module", {"model_config": {"fcnet_hiddens": [8]}}),
        ("multi_agent", {"policies": {"a", "b"}, "policy_mapping_fn": print}),
        ("evaluation", {"evaluation_interval": 1, "evaluation_duration": "auto"}),
        ("offline_data", {"input_": "episodes"}),
        ("framework", {"framework": "tf2"}),
        ("framework", {"torch_compile_learner": True}),
        ("api_stack", {"enable_rl_module_and_learner": False, "enable_env_runner_and_connector_v2": False}),
    ],
)
def test_what_the_page_says_to_be_refused_is_refused(method, arguments):
    with pytest.raises(SettingError):
        config_with(method, arguments).validate()


def test_mappo_alone_makes_several_epochs():
    config_with("training", {"num_epochs": 3}, MAPPOConfig).validate()
