"""The files of scripts/cluster: in form, and for the Ray that setup.py asks for."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
FILES = ROOT / "scripts" / "cluster"
RAY = re.search(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)[1]


def read_all(name):
    return list(yaml.safe_load_all((FILES / name).read_text(encoding="utf-8")))


def test_the_pinned_ray_is_one_that_setup_allows():
    from packaging.specifiers import SpecifierSet

    allowed = re.search(r'"ray\[rllib\](\S+)"', (ROOT / "setup.py").read_text(encoding="utf-8"))[1]
    assert RAY in SpecifierSet(allowed)


@pytest.mark.parametrize("name", ["aws.yaml", "on_premise.yaml"])
def test_launcher_files_pass_rays_own_check(name):
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(*read_all(name)))


@pytest.mark.parametrize("name", ["aws.yaml", "kuberay.yaml", "Dockerfile"])
def test_every_image_has_the_pinned_ray(name):
    versions = re.findall(r"\bray[:-](\d+\.\d+\.\d+)", (FILES / name).read_text(encoding="utf-8"))
    assert versions
    assert set(versions) == {RAY}


def test_the_kuberay_manifest_is_a_whole_rayjob():
    config_map, job = read_all("kuberay.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == RAY
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert isinstance(group["rayStartParams"], dict)
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        volumes = {volume["name"] for volume in group["template"]["spec"]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert any(mount["mountPath"] == "/results" for mount in container["volumeMounts"])
    assert all(group["minReplicas"] <= group["replicas"] <= group["maxReplicas"] for group in groups[1:])
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"])["env_vars"]
    assert "experiment.yaml" in config_map["data"]


def test_the_experiment_in_the_kuberay_manifest_can_be_run(tmp_path):
    from rllib_remix.experiments.checking import check_experiment
    from rllib_remix.experiments.reading.files import read_experiments

    (tmp_path / "experiment.yaml").write_text(read_all("kuberay.yaml")[0]["data"]["experiment.yaml"])
    (experiment,) = read_experiments(tmp_path / "experiment.yaml")
    check_experiment(experiment, here=False)
    assert experiment.checkpoints.frequency > 0


def test_the_slurm_script_is_bash():
    subprocess.run(["bash", "-n", FILES / "slurm.sh"], check=True)


def test_the_slurm_script_says_what_it_needs():
    ended = subprocess.run(["bash", FILES / "slurm.sh"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "EXPERIMENT.yaml" in ended.stderr
