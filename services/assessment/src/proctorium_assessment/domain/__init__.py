"""The rules of items, scores, states, time and receipts, as pure code: without I/O, clock and libraries."""
