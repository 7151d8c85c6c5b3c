"""The use cases of sessions. Each owns its transaction; steps that take one are shared by several."""
