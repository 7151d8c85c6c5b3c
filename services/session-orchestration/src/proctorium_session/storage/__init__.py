"""Tables of session orchestration and the queries on them, one file for each capability."""
