"""`python -m ltxserve`: the command line, for where no script of that name is on the path."""

from ltxserve.cli import main

if __name__ == "__main__":
    main()
