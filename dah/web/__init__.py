"""The page of ``python -m dah serve``: an image in, its code, category and neighbours out."""
