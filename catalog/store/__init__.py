"""The two stores, SQLite and Chroma, and what keeps them consistent."""
