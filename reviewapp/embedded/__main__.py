"""`python -m reviewapp.embedded erase`: remove the embedded services' data, after asking."""

import os
import sys
from pathlib import Path

from reviewapp import embedded


def main() -> int:
    var = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent.parent.parent / "var")
    if sys.argv[1:] not in (["erase"], ["erase", "--yes"]):
        print("usage: python -m reviewapp.embedded erase [--yes]", file=sys.stderr)
        return 2
    if "--yes" not in sys.argv:
        question = f"All proposals, decisions and events of {var} will be gone. Type `erase` to go on: "
        if not sys.stdin.isatty() or input(question) != "erase":
            print("Nothing was erased.", file=sys.stderr)
            return 1
    try:
        embedded.erase(var)
    except embedded.CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"The data of {var} is gone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
