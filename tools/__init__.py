"""The tools that build and check this repository. They are not installed as a package."""
