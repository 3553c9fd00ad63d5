"""Every YAML block of docs/ is read and checked as the command would, up to where Ray starts."""

import yaml

from rllib_remix import QMIXConfig
from rllib_remix.experiments import load
from tests.documents.blocks_run import runs, text_of


@runs("docs/from_epymarl.md yaml 0")
def test_epymarls_settings_can_be_trained(tmp_path):
    (tmp_path / "foraging.yaml").write_text(text_of("docs/from_epymarl.md yaml 0"), encoding="utf-8")
    (experiment,) = load(str(tmp_path / "foraging.yaml"))
    assert experiment.config["standardize_rewards"] is True


@runs("docs/smac_sim.md yaml 0")
def test_the_teams_of_smacv2_can_be_trained():
    settings = yaml.safe_load(text_of("docs/smac_sim.md yaml 0"))
    config = {"env_config": settings.pop("env_config")}
    (experiment,) = load(
        {"mine": {"run": "QMIX", **settings, "config": config, "stop": {"training_iteration": 1}}}
    )
    assert experiment.config["env_config"]["capability_config"]["n_units"] == 5


@runs("docs/environments.md yaml 0")
def test_groups_of_agents_can_share_networks():
    QMIXConfig().training(**yaml.safe_load(text_of("docs/environments.md yaml 0"))).validate()
