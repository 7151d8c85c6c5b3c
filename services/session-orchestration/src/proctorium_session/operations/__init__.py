"""What can be done with a session: one public function, one use case, one transaction."""
