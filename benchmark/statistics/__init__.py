"""Statistics: pure functions, arrays in, dataclasses out.

Scores are arrays matched by position, higher is better, and differences are a - b. What draws
takes a numpy Generator; what cannot be computed is nan; a mistake in the arrays is a ValueError.

One dataset, seeds on one split
    paired, signed_rank, sign_flip, equivalence, superiority, effect_size, bayes_correlated_t,
    intervals, bootstrap; resampled where splits overlap; mcnemar for one fixed pair of models
One dataset, seeds and speakers
    tabulate (predictions to cells), metric_t (a metric's difference: test and interval in one),
    two_way (the same of speakers' own scores), hierarchical (intervals, bootstrap), redrawn (a
    new split per seed), clusters, variance
Several datasets
    friedman, pairwise, nemenyi, bayes_signed_rank, ranking, groups, interquartile, profile
Many comparisons, many looks
    multiplicity, graphical, spending, sequential, repeated
Before and after a run
    power, coverage (when an interval is withheld), design_size (a test's size in a table's own
    design, by simulation)
"""
