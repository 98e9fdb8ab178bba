"""Domain adaptive hashing: the library behind the pipeline's stages."""
