"""In names of environments: what they lead to, how it is called, and the first step that is taken before Ray starts."""

from planting.fault import Fault

_MAKER, _ZOO, _NAMES = "envs/naming/maker.py", "envs/naming/zoo.py", "envs/naming/names.py"
_GYMNASIUM, _FIRST_STEP = "envs/naming/gymnasium_ids.py", "experiments/checks/first_step.py"
_TESTS = ("tests/envs/naming",)
_STEP_TESTS = ("tests/experiments/checks/test_first_step.py",)

FAULTS = (
    Fault(
        "settings_as_the_first_argument",
        "A class with settings of its own gets all of them as its first.",
        _MAKER,
        "return first.default is None and first.name not in _SETTINGS",
        "return True",
        _TESTS,
    ),
    Fault(
        "settings_inside_another_argument",
        "Settings that are all arguments of a class get into the first one, whose default is None.",
        _MAKER,
        "else not set(settings) <= set(keywords_of(self.create))",
        "else True",
        _TESTS,
    ),
    Fault(
        "turns_before_all_at_once",
        "Of a PettingZoo module the environment that plays in turns is taken, though it has a parallel one.",
        _ZOO,
        '_MAKERS = ("parallel_env", "env", "raw_env")',
        '_MAKERS = ("raw_env", "env", "parallel_env")',
        ("tests/envs/naming/test_names.py",),
    ),
    Fault(
        "gymnasium_checks_every_step",
        "Gymnasium's checker wraps the environment of an id, which costs time and changes what it returns.",
        _GYMNASIUM,
        "disable_env_checker=True",
        "disable_env_checker=False",
        _TESTS,
    ),
    Fault(
        "registered_by_us_taken_for_the_users",
        "A name that was registered for RLlib makes RLlib's wrapper for a team too.",
        _NAMES,
        'return None if getattr(creator, "is_of_a_name", False) else creator',
        "return creator",
        ("tests/rollout/test_named_creator.py",),
    ),
    Fault(
        "oldest_version_suggested",
        "Of the versions of an environment the oldest is suggested for a name without one.",
        "envs/naming/elsewhere.py",
        "return max(versions, key=_version, default=None)",
        "return min(versions, key=_version, default=None)",
        ("tests/envs/naming/test_elsewhere.py",),
    ),
    Fault(
        "vmas_tried_with_one_copy",
        "The first step of VMAS, all of whose copies are one object, wants one copy of it.",
        "rollout/building.py",
        "1 if only_first and not is_vmas(first) else num_envs",
        "1 if only_first else num_envs",
        ("tests/envs/foreign/kinds/test_vmas.py",),
    ),
    Fault(
        "opponents_train_in_silence",
        "Nothing is said of a team whose agents' rewards cancel each other out.",
        "running/callbacks/opponents.py",
        "is_zero = abs(",
        "is_zero = most < 0 and abs(",
        ("tests/running/callbacks/test_opponents.py",),
    ),
    Fault(
        "no_first_step",
        "Before Ray starts an environment is reset, but no step is taken in it.",
        _FIRST_STEP,
        'check_step(team, team.step(actions), "the first step()")',
        "assert actions is not None",
        _STEP_TESTS,
    ),
)
