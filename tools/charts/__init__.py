"""`make charts`: generate, render and check the Helm charts in `deploy/helm/`."""
