"""The events that session orchestration publishes, one module for each subject."""
