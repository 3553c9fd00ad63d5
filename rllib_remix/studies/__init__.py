"""Studies: the papers' figures and comparisons of our own as declared files, their runs, statistics and reports."""
