"""Reading pictures that strangers send: in a process of its own, with nothing to steal and little to use up."""
