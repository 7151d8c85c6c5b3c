"""What a session allows. Pure: the standard library, and time as a parameter."""
