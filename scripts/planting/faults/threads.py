"""In the threads of a learner."""

from planting.fault import Fault

_FILE = "models/threads.py"
_TESTS = ("tests/models/test_threads.py", "tests/learner_step/test_threads.py")

FAULTS = (
    Fault(
        "gradient_of_a_part_lost",
        "The gradient of the last part of a batch is dropped.",
        _FILE,
        "zip(*of_parts, strict=True)",
        "zip(*(of_parts[:-1] or of_parts), strict=True)",
        _TESTS,
    ),
    Fault(
        "every_part_gets_the_first_gradient",
        "Parts go backward with the gradients of other episodes.",
        _FILE,
        "gradient[part.rows] for",
        "gradient.roll(1, 0)[part.rows] for",
        _TESTS,
    ),
    Fault(
        "parts_joined_in_the_wrong_order",
        "Outputs stand at the places of other episodes.",
        _FILE,
        "torch.cat([part.outputs[name].detach() for part in parts])",
        "torch.cat([part.outputs[name].detach() for part in reversed(parts)])",
        _TESTS,
    ),
    Fault(
        "threads_keep_gradients_that_nobody_wants",
        "Where there are to be no gradients, threads make them.",
        _FILE,
        "with torch.set_grad_enabled(learns):",
        "with torch.set_grad_enabled(True):",
        _TESTS,
    ),
    Fault(
        "threads_one_after_the_other",
        "Every thread waits for the one before.",
        _FILE,
        "    others = [_pool(len(things) - 1).submit(work, thing) for thing in things[1:]]",
        "    others = [_pool(len(things) - 1).submit(work, thing) for thing in things[1:]]\n    wait(others)",
        _TESTS,
    ),
    Fault(
        "kernels_hold_the_interpreter_lock",
        "The compiled steps of the recurrent networks run in one thread at a time.",
        "models/kernels/gru.py",
        '"nogil": True,',
        '"nogil": False,',
        _TESTS,
    ),
    Fault(
        "number_of_threads_not_told",
        "A learner's networks stay in one thread whatever is set.",
        "team/learner.py",
        "module.num_threads = self.config.num_threads_per_learner",
        "module.num_threads = 1",
        _TESTS,
    ),
)
