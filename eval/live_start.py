"""An experiment as the command line asks for it, refused where the service could only refuse it later."""

from __future__ import annotations

from pydantic import ValidationError

from agent.experiment import Experiment, Guards, arms_of
from eval.prompt_settings import refusal
from prompts.lint import lint
from retrieval.errors import ConfigError


def planned(prompts: list[str], name: str, shares: list[float] | None, least: int) -> Experiment:
    """The experiment.

    Args:
        prompts: Of the library, or paths of files; the first is the control.
        name: Of the experiment.
        shares: Of the people, one for each prompt; None: equal.
        least: Answers before a guard rail judges.

    Raises:
        ConfigError: A setting is wrong, the linter finds an error in a prompt, or the prompts answer in different ways: a service
            asks in one mode, and would serve none of them.
    """
    try:
        made = Experiment(name=name, arms=arms_of(prompts, shares), guards=Guards(least=least))
    except ValidationError as why:
        raise refusal(why, "polytaste prompts live start") from why
    output = made.arms[0].prompt().front.output
    for arm in made.arms:
        prompt = arm.prompt()
        if prompt.front.output != output:
            raise ConfigError(
                f"{arm.name} answers with {prompt.front.output!r}, {made.arms[0].name} with {output!r}",
                "serve prompts side by side that answer in one way",
            )
        for finding in lint(prompt):
            if finding.severity == "error":
                raise ConfigError(f"{arm.name}: {finding.message}", finding.remedy)
    return made
