"""Items, attempts, answers, results and certificates."""
