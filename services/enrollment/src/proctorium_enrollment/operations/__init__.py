"""The use cases of enrollment, each with its own transaction, and the steps that they and subscribers share."""
