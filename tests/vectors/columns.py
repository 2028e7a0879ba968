"""How a script of this folder writes the file of cases beside it: a column of texts for each name."""

import json
import pathlib
import sys


def write(script, names, rows):
    """Writes NAME.json beside the script NAME.py; with --check, fails when it is not what the script gives."""
    columns = {name: [] for name in names}
    for row in rows:
        for column, value in zip(columns.values(), row):
            column.append(str(value))
    text = json.dumps(columns, indent=2) + "\n"
    path = pathlib.Path(script).with_suffix(".json")
    if "--check" in sys.argv:
        if path.read_text() != text:
            sys.exit(f"stale: tests/vectors/{path.name}\nrun: python tests/vectors/{path.stem}.py")
    else:
        path.write_text(text)
    print(f"{len(columns[names[0]])} cases")
