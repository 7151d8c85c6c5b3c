"""The command line `proctorium`, for people who run the system."""
