"""No update mixes tensors of the GPU and of the CPU, and the places where it waits for the GPU are known."""

import json

import pytest
import torch
from pretended_gpu import GPU, PretendedGpu

from tests.gpu.test_without_ray import drive

LEARNER, PACKING = "rllib_remix/team/learner.py", "rllib_remix/models/packing.py"
# Where an update waits for the GPU. Another is not wrong, but each holds up what follows; is it needed?
WAITS = (
    f"{LEARNER}:TeamLearner.log_numbers tolist",
    f"{LEARNER}:TeamLearner.report_episodes.",  # Python 3.12 has no function of its own for it.
    f"{LEARNER}:TeamLearner.report_episodes cpu",
    f"{LEARNER}:TeamLearner.postprocess_gradients_for_module item",
    f"{LEARNER}:TeamLearner._rescale_values item",
    f"{LEARNER}:TeamLearner._log_steps_trained_metrics __int__",
    f"{PACKING}:AgentPacking.__init__ ",
    f"{PACKING}:step_packing nonzero",
    "rllib_remix/models/groups/packing.py:GroupedPacking.__init__ tolist",
    "rllib_remix/value_based/learner.py:ValueLearner.compute_loss_for_module __getitem__",
    "rllib_remix/actor_critic/mappo.py:MAPPOLearner._prepare __getitem__",
    "rllib_remix/models/normalizer.py:",
    "scripts/gpu/without_ray/metrics.py:MetricsLogger.reduce",
)


@pytest.mark.battery  # all algorithms, in a process
def test_no_update_mixes_devices_and_waits_only_where_it_is_known(tmp_path):
    drive("devices", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found) > 20
    assert {case: of_case["wrong"] for case, of_case in found.items() if of_case["wrong"]} == {}
    waits = {place for of_case in found.values() for place in of_case["waits"]}
    assert [place for place in waits if not place.startswith(WAITS)] == []
    # What is asked once more is asked for every batch: MAPPO's are five passes over one.
    most = {case: sum(of_case["waits"].values()) for case, of_case in found.items()}
    assert max(most.pop("MAPPO"), 0) <= 60
    # Pieces have one packing more, of what was before them, which asks three times, with groups four.
    most |= {case: count - 4 for case, count in most.items() if "pieces" in case}
    assert max(most.values()) <= 22


# The pretended GPU itself


def test_results_and_views_of_the_gpus_tensors_are_there():
    with PretendedGpu():
        there = torch.arange(6, device="cuda").view(2, 3)
        assert {
            part.device for part in (there[0], there + 1, there.float().sum(), torch.zeros_like(there))
        } == {GPU}
        assert torch.arange(6).device.type == "cpu"
        assert there.to(torch.int16).device == GPU
        assert (there.cpu().device.type, there.to("cpu").device.type) == ("cpu", "cpu")


def test_weights_go_there_and_have_their_gradients_there():
    with PretendedGpu():
        layer = torch.nn.Linear(2, 1).to("cuda")
        layer(torch.ones(3, 2, device="cuda")).sum().backward()
        optimizer = torch.optim.Adam(layer.parameters(), fused=True)
        optimizer.step()
        state = optimizer.state[layer.weight]
        assert {layer.weight.device, layer.weight.grad.device, *(part.device for part in state.values())} == {
            GPU
        }


def test_a_mix_is_refused_but_a_number_of_the_cpu_goes_with_the_gpus():
    with PretendedGpu():
        there = torch.ones(3, device="cuda")
        assert (there * torch.tensor(2.0)).device == GPU
        for mix in (
            lambda: there + torch.ones(3),
            lambda: torch.cat([there, torch.ones(3)]),
            lambda: there[[0]] * torch.ones(1),
        ):
            with pytest.raises(RuntimeError, match="tensors of the GPU and of the CPU"):
                mix()
        with pytest.raises(TypeError, match=r"use \.cpu\(\) first"):
            there.numpy()


def test_several_entries_of_one_number_cannot_be_page_locked():
    with PretendedGpu():
        assert torch.arange(4).view(2, 2).t().pin_memory().tolist() == [[0, 2], [1, 3]]
        with pytest.raises(RuntimeError, match="single memory location"):
            torch.zeros(1).expand(3).pin_memory()


def test_it_counts_where_the_cpu_waits():
    with PretendedGpu() as gpu:
        there = torch.arange(4, device="cuda")
        there.tolist(), (there > 1).nonzero(), there[there > 1], bool(there.sum()), torch.arange(3).tolist()
        assert sorted(place.split()[-1] for place in gpu.waits) == [
            "__bool__",
            "__getitem__",
            "nonzero",
            "tolist",
        ]
