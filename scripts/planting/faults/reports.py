"""In what is reported of runs and evaluations."""

from planting.fault import Fault

FAULTS = (
    Fault(
        "standard_error_of_the_population",
        "The standard error divides by n, not by n - 1.",
        "reporting/statistics.py",
        "np.std(values, ddof=1)",
        "np.std(values, ddof=0)",
        ("tests/reporting",),
    ),
    Fault(
        "final_value_of_the_first",
        "The final value of a run is the mean of its first evaluations.",
        "reporting/statistics.py",
        "known[~np.isnan(known)][-last:]",
        "known[~np.isnan(known)][:last]",
        ("tests/reporting",),
    ),
    Fault(
        "weights_on_edges_fall_down",
        "A weight on the edge of two bins is counted in the lower.",
        "reporting/weight_histogram.py",
        'np.searchsorted(self._edges, part, side="right")',
        'np.searchsorted(self._edges, part, side="left")',
        ("tests/reporting",),
    ),
    Fault(
        "evaluated_length_is_the_return",
        "An evaluation reports the mean return as mean length.",
        "playing/evaluation.py",
        '"episode_len_mean": mean(lengths)',
        '"episode_len_mean": mean(returns)',
        ("tests/playing/test_evaluation_numbers.py",),
    ),
)
