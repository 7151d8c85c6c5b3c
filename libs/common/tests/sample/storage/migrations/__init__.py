"""The sample's revisions."""
