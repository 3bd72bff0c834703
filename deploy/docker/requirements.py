"""Prints what the package and the extras named on the command line need, one line each.

Lets an image install dependencies before the code is copied, so that code changes rebuild little.
"""

import sys
import tomllib
from pathlib import Path


def main(extras: list[str]) -> None:
    """Print the requirements of pyproject.toml in the working folder."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    sys.stdout.write("\n".join(wanted) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
