"""Options of `rllib train` that describe Ray and where results are logged."""

import inspect
import sys

import pytest

from rllib_remix.errors import UserError
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.running.cluster import Cluster


@pytest.fixture
def no_cluster(monkeypatch, tmp_path):
    for name in ("RAY_ADDRESS", "WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("no_cluster")
def test_an_emulated_cluster_has_the_sum_of_its_nodes():
    assert Cluster(num_nodes=3).known_cpus == 3
    assert Cluster(num_nodes=3, num_cpus=2, num_gpus=1).known_cpus == 6
    assert Cluster(num_nodes=3, num_cpus=2, num_gpus=1).known_gpus == 3
    assert Cluster(num_nodes=3).known_gpus == 0


@pytest.mark.usefixtures("no_cluster")
def test_what_a_running_cluster_has_is_not_known():
    assert Cluster(address="auto").known_gpus is None
    Cluster(address="auto").check()


@pytest.mark.usefixtures("no_cluster")
def test_a_dashboard_that_is_not_installed_is_told_before_ray_starts(monkeypatch):
    Cluster(dashboard=True).check()
    monkeypatch.setitem(sys.modules, "ray.dashboard.optional_deps", None)
    with pytest.raises(UserError, match=r"--ray-ui: .* pip install 'rllib_remix\[cluster\]'"):
        Cluster(dashboard=True).check()


@pytest.mark.usefixtures("no_cluster")
def test_no_option_means_no_logger():
    Loggers().check()
    assert Loggers().callbacks("name") == []


@pytest.fixture
def given_to(monkeypatch):
    """Arguments that Tune's callbacks would get, whose constructors need their libraries; checked by their signatures."""
    from ray.air.integrations import mlflow, wandb

    def catch(callback):
        return lambda **given: {**inspect.signature(callback).bind(**given).arguments}

    monkeypatch.setattr(wandb, "WandbLoggerCallback", catch(wandb.WandbLoggerCallback))
    monkeypatch.setattr(mlflow, "MLflowLoggerCallback", catch(mlflow.MLflowLoggerCallback))


@pytest.mark.usefixtures("no_cluster", "given_to")
def test_the_options_reach_the_loggers_callbacks():
    wandb, mlflow = Loggers("key", "project", "name", "sqlite:///runs.db", "games").callbacks("default")
    assert wandb == {"project": "project", "api_key": "key", "kwargs": {"name": "name"}}
    assert mlflow == {"tracking_uri": "sqlite:///runs.db", "experiment_name": "games"}


@pytest.mark.usefixtures("no_cluster", "given_to")
def test_loggers_have_names_if_no_option_gives_any():
    (wandb,) = Loggers(wandb_key="key").callbacks("ours")
    assert wandb == {"project": "rllib_remix", "api_key": "key"}
    (mlflow,) = Loggers(mlflow_tracking_uri="sqlite:///runs.db").callbacks("ours")
    assert mlflow["experiment_name"] == "ours"


@pytest.mark.usefixtures("no_cluster")
def test_weights_and_biases_without_a_key_is_told_before_ray_starts(monkeypatch, tmp_path):
    monkeypatch.setattr("rllib_remix.experiments.loggers.find_spec", lambda name: object())
    with pytest.raises(UserError, match="--wandb-key: no key given"):
        Loggers(wandb_project="x").check()
    Loggers(wandb_project="x", wandb_key="key").check()
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password key\n")
    (tmp_path / ".netrc").chmod(0o600)
    Loggers(wandb_project="x").check()
