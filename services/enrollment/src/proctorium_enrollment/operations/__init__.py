"""What enrollment can do: one public function is one use case."""
