"""All of Proctorium on one machine: parts, supervisor, demo data, trace page, test fixtures."""
