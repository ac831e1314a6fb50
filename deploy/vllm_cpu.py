"""vLLM of our own image, for machines without a GPU: with what the embedded server is started with, but open to the other containers."""

import os

from agent.llm.server import launch_command
from agent.llm.weights import PACKAGED, checkpoint

PORT = 8000


def command(model: str) -> list[str]:
    """The command line; of an option that is given twice vLLM takes the last."""
    return [*launch_command(checkpoint(model), model, PORT, cpu=True), "--host", "0.0.0.0"]  # noqa: S104  (in a container)


if __name__ == "__main__":
    line = command(os.environ.get("POLYTASTE_LLM_MODEL") or PACKAGED)
    os.execv(line[0], line)  # noqa: S606
