"""Reads a file, plans, embeds, writes, repeats."""
