"""Hostile files: seeded damage and attacks on every reader, each in a process with limits."""
