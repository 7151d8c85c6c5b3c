"""People, courses, registrations and enrollment codes."""
