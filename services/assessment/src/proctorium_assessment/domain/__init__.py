"""What is decided: questions, scores, states, time, receipts. Pure: no I/O, no clock, no library."""
