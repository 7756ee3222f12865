"""`python -m ingest`: how a scheduler starts its runs, wherever the command itself was installed."""

from ingest.cli import main

if __name__ == "__main__":
    main(prog_name="ingest")
