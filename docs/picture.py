"""Make docs/demo.svg from what the command really prints: python docs/picture.py"""

import os
import subprocess
from pathlib import Path

from rich.console import Console
from rich.text import Text

command = [
    "polytaste", "recommend", "--user", "1", "--deadline-ms", "10000", "--request", "something like Blade Runner, no horror",
]  # fmt: skip
environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "116", "COLORTERM": "truecolor"}
done = subprocess.run(
    [Path(".venv/bin") / command[0], *command[1:]],
    capture_output=True, text=True, check=True, env=environment,
)  # fmt: skip
console = Console(record=True, width=116, file=open(os.devnull, "w"))  # noqa: SIM115
console.print(Text.assemble(("$ ", "green"), " ".join(command[:-1]) + f' "{command[-1]}"'))
console.print(Text.from_ansi(done.stdout))
console.save_svg("docs/demo.svg", title="polytaste")
