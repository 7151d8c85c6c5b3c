"""The parts of the stack, each with `start`, `stop` and an address."""
