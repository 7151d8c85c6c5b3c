"""The schema of notification, as numbered revisions."""
