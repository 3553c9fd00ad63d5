"""Large numbers among what networks see are said, once."""

import logging

import pytest
import torch

from rllib_remix import QMIXConfig, VDNConfig
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.team.large_inputs import LargeInputs

SPEC = TeamSpec(2, 3, 4, 5, 6, "float32", "float32", ("a", "b"))
AS_THEY_ARE = {"normalize_observations": False}
PICTURE = TeamSpec(2, 3, 300, 600, 6, "uint8", "uint8", ("a", "b"), (10, 10, 3))


def said(caplog, config, spec=SPEC, obs=1.0, state=1.0):
    inputs = LargeInputs(config, spec)
    with caplog.at_level(logging.WARNING, logger="ray.rllib"):
        for _ in range(2):
            inputs.look({"obs": torch.tensor([0.5, -obs]), "state": torch.tensor([[state]])})
    return [record.getMessage() for record in caplog.records]


def test_large_observations_and_states_are_said_once_with_what_to_do(caplog):
    (message,) = said(caplog, QMIXConfig().training(**AS_THEY_ARE), obs=30.0, state=200.0)
    assert "observations up to 30, the state up to 200." in message
    assert "Set normalize_observations to true" in message


@pytest.mark.parametrize(
    ("config", "spec", "numbers"),
    [
        (QMIXConfig().training(**AS_THEY_ARE), SPEC, {"obs": 10.0, "state": 10.0}),
        (VDNConfig().training(**AS_THEY_ARE), SPEC, {"state": 200.0}),  # which reads no state
        (QMIXConfig(), SPEC, {"obs": 30.0, "state": 200.0}),
        (VDNConfig().training(**AS_THEY_ARE), PICTURE, {"obs": 255.0}),
    ],
)
def test_what_does_no_harm_is_not_said(caplog, config, spec, numbers):
    assert said(caplog, config, spec, **numbers) == []


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.float64])
def test_numbers_of_every_dtype_are_looked_at(caplog, dtype):
    large = dtype != torch.bool
    seen = torch.tensor([[0, 100 if large else 1]]).to(dtype)
    with caplog.at_level(logging.WARNING, logger="ray.rllib"):
        LargeInputs(QMIXConfig().training(**AS_THEY_ARE), SPEC).look({"obs": seen, "state": seen})
    assert len(caplog.records) == large


def test_the_least_of_int8_is_large(caplog):
    seen = torch.tensor([-128], dtype=torch.int8)
    with caplog.at_level(logging.WARNING, logger="ray.rllib"):
        LargeInputs(VDNConfig().training(**AS_THEY_ARE), SPEC).look({"obs": seen})
    assert "observations up to 128." in caplog.text


def test_pictures_that_are_read_flat_are_large(caplog):
    (message,) = said(caplog, VDNConfig().training(encoder="mlp", **AS_THEY_ARE), PICTURE, obs=255.0)
    assert "observations up to 255." in message
