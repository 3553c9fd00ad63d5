"""In studies: which settings a run has, which runs are kept, statistics, random games."""

from planting.fault import Fault

_STATISTICS, _OF_STATISTICS = "reporting/statistics.py", ("tests/reporting/test_statistics.py",)
_CELLS, _OF_STUDY = "studies/cells.py", ("tests/studies/test_study.py",)
_SUMMARY, _OF_SUMMARY = "studies/summary.py", ("tests/studies/test_summary.py",)
_LEARNING, _TEAMS = "studies/random_games/learning.py", "studies/random_games/teams.py"
_GAMES, _READINGS = "studies/random_games/games.py", "studies/random_games/readings.py"
_OF_GAMES = ("tests/studies/test_random_games.py",)

FAULTS = (
    Fault(
        "no_value_is_left_out",
        "The interquartile mean is the mean.",
        _STATISTICS,
        "stats.trim_mean(np.ravel(values), 0.25)",
        "stats.trim_mean(np.ravel(values), 0.0)",
        _OF_STATISTICS,
    ),
    Fault(
        "ties_are_lost",
        "Equal values count as no improvement.",
        _STATISTICS,
        "(difference > 0) + 0.5 * (difference == 0)",
        "(difference > 0) + 0.0 * (difference == 0)",
        _OF_STATISTICS,
    ),
    Fault(
        "the_area_begins_at_the_first_evaluation",
        "What was before the first evaluation is left out.",
        _STATISTICS,
        "at = np.concatenate([[0.0], steps[inside], [until]])",
        "at = np.concatenate([steps[inside], [until]])",
        _OF_STATISTICS,
    ),
    Fault(
        "settings_of_the_study_win",
        "Settings of algorithm and panel do not count over those of the study.",
        _CELLS,
        "config = merged(config, part)",
        "config = merged(part, config)",
        _OF_STUDY,
    ),
    Fault(
        "changed_settings_have_the_same_folder",
        "A run with other settings is taken for finished.",
        _CELLS,
        "hashlib.sha256(text.encode())",
        "hashlib.sha256(text[:0].encode())",
        _OF_STUDY,
    ),
    Fault(
        "unfinished_runs_are_counted",
        "Runs that have not made all env steps are in the table.",
        _SUMMARY,
        "if run.is_finished]",
        "if True]",
        _OF_SUMMARY,
    ),
    Fault(
        "the_others_are_compared_with_the_reference_the_wrong_way_round",
        "The probability is that of the other being above the reference.",
        _SUMMARY,
        "Estimate(probability_of_improvement(reference, other), low, high)",
        "Estimate(probability_of_improvement(other, reference), low, high)",
        _OF_SUMMARY,
    ),
    Fault(
        "runs_of_another_study_get_any_name",
        "A run of another study counts as a run with any settings.",
        "studies/raw.py",
        "alike.setdefault(cell.settings, []).append(cell)",
        "alike.setdefault(cells_of(study, budget)[0].settings, []).append(cell)",
        _OF_SUMMARY,
    ),
    Fault(
        "monotonic_games_are_played_too",
        "Games that QMIX can represent are among the random ones.",
        _GAMES,
        "payoffs[~are_monotonic(payoffs, n_agents, n_actions)]",
        "payoffs",
        _OF_GAMES,
    ),
    Fault(
        "a_mixer_that_is_not_monotonic",
        "The teams' second mixing weights may be negative.",
        _TEAMS,
        "self.chosen(), self.w1.abs(), self.w2.abs()",
        "self.chosen(), self.w1.abs(), self.w2",
        _OF_GAMES,
    ),
    Fault(
        "influence_of_the_wrong_sign",
        "Weights are compared with what raises regret.",
        _LEARNING,
        "return -2 * (q_tot - payoffs)",
        "return 2 * (q_tot - payoffs)",
        _OF_GAMES,
    ),
    Fault(
        "games_share_a_batch",
        "All games are one batch of the weighting.",
        _LEARNING,
        "return torch.vmap(lambda game: weigh(game).weights)(seen)",
        "return weigh(seen).weights",
        _OF_GAMES,
    ),
    Fault(
        "the_dropped_term_everywhere",
        "The dropped term counts for all joint actions.",
        _READINGS,
        "-_CLAMP, _CLAMP).exp() * inputs.took_greedy",
        "-_CLAMP, _CLAMP).exp()",
        _OF_GAMES,
    ),
)
