"""The use cases of identity verification: one public function, one transaction."""
