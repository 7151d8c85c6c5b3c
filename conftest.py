"""How all tests run: property tests are not timed, since a busy machine is not a fault."""

from hypothesis import settings

settings.register_profile("proctorium", deadline=None)
settings.load_profile("proctorium")
