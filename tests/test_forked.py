"""What the fork server makes is a process as the executable is."""

import os
import signal
import subprocess
import sys
import time

import forked
import pytest
import ray

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"HOME": str(tmp_path / "home"), "TERM": "dumb"}


@pytest.mark.parametrize("words", [["--version"], ["envs"], ["evaluate", "nowhere"], ["trian"]])
def test_a_forked_command_writes_and_ends_as_the_executable_does(words, tmp_path, environment):
    anew = subprocess.run(
        [forked.RLLIB, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    ours = forked.run(words, tmp_path, environment, timeout=60)
    assert (ours.returncode, ours.stdout, ours.stderr) == (anew.returncode, anew.stdout, anew.stderr)


def test_two_at_once_have_their_own_folders_variables_and_ends(tmp_path, environment):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").write_text(
            "import os, time\nopen(os.environ['MARK'], 'w').close()\ntime.sleep(60)\n"
        )
    started = [
        forked.command(
            ["train", "file", "code.py"], tmp_path / name, environment | {"MARK": name}, is_session=True
        )
        for name in ("one", "two")
    ]
    try:
        deadline = time.monotonic() + 60
        while not all((tmp_path / name / name).exists() for name in ("one", "two")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first, second = started
        assert os.getsid(first.pid) == first.pid
        first.kill()
        assert first.wait(60) == -signal.SIGKILL
        assert second.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(0.01)
    finally:
        for process in started:
            process.kill()
            process.wait(60)


def test_forked_workers_draw_ids_of_their_own(ray_session):
    @ray.remote
    class Drawing:
        def ids(self):
            return {ray.ObjectID.from_random().hex() for _ in range(1000)}

    actors = [Drawing.remote() for _ in range(2)]
    one, two = ray.get([actor.ids.remote() for actor in actors])
    assert len(one) == len(two) == 1000
    assert not one & two


@pytest.mark.parametrize(
    ("variables", "is_forked"), [({}, True), ({"PL_DISABLE_FORK": "1"}, True), ({"MINE": "1"}, False)]
)
def test_workers_of_ray_are_forked_unless_their_environment_is_unknown(ray_session, variables, is_forked):
    @ray.remote(runtime_env={"env_vars": variables} if variables else {})
    def seen():
        return {name: os.environ.get(name) for name in variables}, "rllib_remix.cli.main" in sys.modules

    assert ray.get(seen.remote()) == (variables, is_forked)
