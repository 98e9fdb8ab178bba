"""Where images come from, how they become arrays, and who sees which label."""
