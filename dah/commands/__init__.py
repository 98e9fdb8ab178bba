"""What ``python -m dah`` does with one's own images: a module for each command."""
