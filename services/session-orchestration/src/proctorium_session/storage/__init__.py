"""The tables of session orchestration and the statements on them."""
