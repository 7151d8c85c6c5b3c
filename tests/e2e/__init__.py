"""The whole system: every service, the edge, the browser; its sessions, its behaviour in crashes, its performance."""
