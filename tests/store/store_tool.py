"""The driver of tests/store/store_driver.cpp, and what a store holds, read by Python's own SQLite."""

import os
import sqlite3
import subprocess
from pathlib import Path

# Random, or of the clock: not the same in two runs of the same commands.
NOT_COMPARED = {("person", "token"), ("operation", "time"), ("forgotten", "token"), ("image", "record")}


class Driver:
    def __init__(self, folder: Path):
        self.process = subprocess.Popen([os.environ["MIEN_STORE_DRIVER"]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1, cwd=folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()

    def say(self, line: str):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> str:
        self.say(line)
        answer = self.process.stdout.readline().strip()
        assert answer and not answer.startswith(("failed", "what")), (line, answer)
        return answer


def rows(store: Path) -> dict[str, list[tuple]]:
    """Every row of every table, without what differs between two runs."""
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    result = {}
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in names:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        kept = ", ".join(column for column in columns if (table, column) not in NOT_COMPARED)
        if kept:
            result[table] = sorted(database.execute(f"SELECT {kept} FROM {table}").fetchall(), key=repr)
        else:
            result[table] = database.execute(f"SELECT count(*) FROM {table}").fetchall()
    database.close()
    return result
