"""The rules of items, scores, states, time and receipts. The code uses no I/O, no clock and no libraries."""
