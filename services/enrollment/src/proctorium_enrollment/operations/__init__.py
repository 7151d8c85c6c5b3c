"""The use cases of enrollment, each in its own transaction, and the steps that they share with subscribers."""
