"""What ``python -m dah`` does beside the tables: a module for each command."""
