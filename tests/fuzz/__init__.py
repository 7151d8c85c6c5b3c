"""The whole system: every service, the edge, the browser; its story, its crashes, its figures."""
