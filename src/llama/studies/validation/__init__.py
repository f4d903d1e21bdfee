"""Is the statistic right? Checks by simulation, each a question with a criterion that was set before the answer."""
