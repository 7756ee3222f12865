"""What a movie is, how its text becomes a vector, and where both are kept."""
