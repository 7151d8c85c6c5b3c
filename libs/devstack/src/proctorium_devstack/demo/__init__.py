"""People who use Proctorium through its edge, and the small world that the development stack shows."""
