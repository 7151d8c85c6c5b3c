"""Rules of this repository that no ready-made linter knows. Each answers with sentences; none means all is well."""
