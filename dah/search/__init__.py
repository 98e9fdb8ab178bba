"""Search among packed codes by Hamming distance, on faiss's binary indexes."""
