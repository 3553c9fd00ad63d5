"""Several env runners in this process, in the place of Ray's group of them."""


class RunnersHere:
    """What `sampling.py` asks of a group, answered at once by env runners that are no actors.

    Attributes:
        runners: the env runners 1 … count.
        seen: of every call, what it asked the env runners to do.
    """

    def __init__(self, config, count):
        config = config.copy(copy_frozen=False).env_runners(num_env_runners=count)
        self.runners = [
            config.env_runner_cls(config=config, worker_index=index + 1, num_workers=count)
            for index in range(count)
        ]
        for index, runner in enumerate(self.runners):
            runner.env.reset(seed=index)  # Without a seed in the config all would play the same.
        self.seen, self._in_flight = [], []
        self._worker_manager = self.runners  # may be cleared

    def num_remote_env_runners(self):
        return len(self.runners)

    num_healthy_remote_env_runners = num_remote_env_runners

    def foreach_env_runner(self, function, *, local_env_runner, timeout_seconds=None, healthy_only=True):
        assert not local_env_runner
        self.seen.append(function)
        return [function(runner) for runner in self.runners]

    def foreach_env_runner_async(self, function, tag):
        self.seen.append(function)
        self._in_flight = [(index, function(runner)) for index, runner in enumerate(self.runners)]
        return len(self._in_flight)

    def num_in_flight_async_reqs(self, tag):
        return len(self._in_flight)

    def fetch_ready_async_reqs(self, tags, timeout_seconds):
        arrived, self._in_flight = self._in_flight, []
        return arrived
