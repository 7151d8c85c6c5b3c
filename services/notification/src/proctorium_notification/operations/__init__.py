"""The use cases of notification: one public function, one transaction."""
