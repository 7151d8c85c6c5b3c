"""What operators see: logs, traces and metrics, joined by trace id."""
