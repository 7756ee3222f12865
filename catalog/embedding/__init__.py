"""The ways to get embeddings: the model's files, the loaders, the checks."""
