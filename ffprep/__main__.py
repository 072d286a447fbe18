"""`python -m ffprep`."""

from ffprep.cli import main

if __name__ == "__main__":
    main()
