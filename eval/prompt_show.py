"""``polytaste prompts``: lists, shows, renders, compares as text, checks and begins prompts."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agent.console import err, out
from eval.prompt_requests import asked, inputs_of, labels_of, open_source
from eval.prompt_tokens import FileTokenizer, find_tokenizer, whole_tokens
from prompts.lint import CHARACTERS_PER_TOKEN, Finding, lint, tokens
from prompts.parts import Part, cached, joined, parts
from prompts.sample import CANDIDATES
from prompts.template import Prompt, library, load
from retrieval.errors import ConfigError

Source = tuple[str | None, list[str], str, Path | None, str | None, list[str]]
"""User, likes, request, model folder, data, columns."""

_COLOURS = ("dim", "cyan", "green", "yellow", "magenta")
_CHANGES = ("never", "with the user", "with the list", "with the request", "with every call")
_ENDS = {
    "everyone": "read once for everyone",
    "the user": "read once for this user",
    "the request": "read once for this request",
}
_FINE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def show_library(*, as_json: bool) -> None:
    """The library as a table."""
    found = [load(name) for name in library()]
    if as_json:
        _write([_facts(prompt) for prompt in found])
        return
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for column in ("prompt", "version", "answers with", "purpose"):
        table.add_column(column, no_wrap=column != "purpose")
    for prompt in found:
        table.add_row(prompt.front.name, prompt.version, prompt.front.output, escape(prompt.front.purpose))
    out.print(table)


def show_file(name: str, *, as_json: bool) -> None:
    """One file, with its version."""
    prompt = load(name)
    if as_json:
        _write({**_facts(prompt), "text": prompt.text})
        return
    err.print(Text.assemble((prompt.front.name, "bold"), f"  version {prompt.version}"))
    if out.is_terminal:  # elsewhere the file itself, to the letter: `show NAME > mine.j2` is that prompt
        out.print(
            Syntax(prompt.text, "jinja", background_color="default").highlight(prompt.text), soft_wrap=True, end=""
        )
    else:
        out.file.write(prompt.text)


def show_rendered(
    name: str, user: str | None, like: list[str], request: str, k: int, model: Path | None, data: str | None,
    columns: list[str], tokenizer: str | None, *, as_json: bool,
) -> None:  # fmt: skip
    """What production would send, with what each part costs."""
    prompt, counter = load(name), find_tokenizer(tokenizer)
    inputs = inputs_of(asked(open_source(model, data, columns, name), request, user, like, k), prompt)
    found = parts(prompt, inputs)
    prefix = cached(found)
    if as_json:
        _write({
            **_facts(prompt), "counted": _counted(counter), "messages": [{"role": m.role, "content": m.content} for m in prompt.render(**inputs)],
            "parts": [{"role": p.role, "part": p.name, "changes": _CHANGES[p.stability], "tokens": tokens(p.text, counter), "text": p.text} for p in joined(found)],
            "prefix": {whose: _prefix(found, end, counter) for whose, end in prefix.items()}, "tokens": whole_tokens(prompt, inputs, counter),
        })  # fmt: skip
        return
    _print_parts(found, prefix, counter)
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for column in ("part", "changes", "tokens"):
        table.add_column(column, justify="right" if column == "tokens" else "left")
    for part in joined(found):
        name_of = Text(part.name, style=_COLOURS[part.stability])
        table.add_row(name_of, _CHANGES[part.stability], str(tokens(part.text, counter)))
    out.print()
    out.print(table)
    out.print(
        Text(
            f"{whole_tokens(prompt, inputs, counter)} tokens in all, {_counted(counter)}; prompt {prompt.version}",
            style="dim",
        )
    )


def show_diff(
    before: str, after: str, user: str | None, like: list[str], request: str, k: int, model: Path | None, data: str | None,
    columns: list[str], *, text_only: bool, as_json: bool,
) -> None:  # fmt: skip
    """Files and renderings, line by line."""
    one, two = load(before), load(after)
    found = {"text": _unified(one.text, two.text, before, after)}
    if not text_only:
        ask = asked(open_source(model, data, columns, before), request, user, like, k)
        said = ["\n".join(m.content for m in p.render(**inputs_of(ask, p))) for p in (one, two)]
        found["rendered"] = _unified(said[0], said[1], f"{before}, rendered", f"{after}, rendered")
    if as_json:
        _write({"before": _facts(one), "after": _facts(two), **found})
        return
    for lines in found.values():
        for line in lines:
            style = "bold" if line[:3] in {"---", "+++"} else {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            out.print(Text(line, style=style), soft_wrap=True)
        out.print(Text("no difference", style="dim") if not lines else "")


def show_findings(
    names: Sequence[str], source: Source | None, tokenizer: str | None, *, strict: bool, as_json: bool
) -> bool:
    """Check prompts; whether all are fit to be used."""
    counter = find_tokenizer(tokenizer)
    ask = None
    if source is not None:
        user, like, request, model, data, columns = source
        ask = asked(open_source(model, data, columns, "rerank-shares"), request, user, like, 10)
    found: dict[str, list[Finding]] = {}
    for name in names or library():
        try:
            prompt = load(name)
        except ConfigError as why:
            if not names or "no prompt" in why.message:
                raise
            found[name] = [Finding("malformed", "error", why.message, why.remedy)]
            continue
        inputs = None if ask is None else inputs_of(ask, prompt)
        words = ("Yes", "No") if prompt.front.output == "yes-no" else labels_of(prompt, CANDIDATES)
        try:
            found[name] = lint(prompt, inputs, counter, words if prompt.front.output in {"label", "yes-no"} else ())
        except ConfigError as why:
            found[name] = [Finding("unrenderable", "error", why.message, why.remedy)]
    fit = all(one.severity != "error" and not strict for several in found.values() for one in several)
    if as_json:
        facts = {name: [_finding(one) for one in several] for name, several in found.items()}
        _write({"counted": _counted(counter), "fit": fit, "prompts": facts})
        return fit
    for name, several in found.items():
        out.print(Text.assemble((name, "bold"), ("  nothing found", "green") if not several else ""))
        for one in several:
            out.print(
                Text.assemble(
                    (f"  {one.severity} ", "red" if one.severity == "error" else "yellow"),
                    f"{one.message} ",
                    (f"[{one.rule}]", "dim"),
                ),
                soft_wrap=True,
            )
            out.print(Text(f"      {one.remedy}", style="dim"), soft_wrap=True)
    out.print(Text(f"tokens {_counted(counter)}", style="dim"))
    return fit


def write_new(name: str, like: str, purpose: str, folder: Path, *, as_json: bool) -> None:
    """Begin a prompt.

    Raises:
        ConfigError: A name that is none, or the file is there already.
    """
    if not _FINE.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a prompt", "small letters, digits and hyphens, such as rerank-short")
    path = folder / f"{name}.j2"
    if path.exists():
        raise ConfigError(f"{path} is there already", "choose another name, or edit that file")
    front, body = load(like).text.split("---\n", 2)[1:]
    said = purpose or f"What is tried here, in one line; begun as {load(like).front.name}."
    front = re.sub(r"(?m)^name:.*$", lambda _: f"name: {name}", front)
    front = re.sub(r"(?m)^purpose:.*$", lambda _: f"purpose: {json.dumps(said, ensure_ascii=False)}", front)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\n{front}---\n{body}", encoding="utf-8")
    if as_json:
        _write({**_facts(load(str(path))), "path": str(path)})
        return
    err.print(Text(f"wrote {path}; edit it, then: polytaste prompts lint {path}", style="green"), soft_wrap=True)


def _print_parts(found: Sequence[Part], prefix: dict[str, int], counter: FileTokenizer | None) -> None:
    """The text in the colours of how soon it changes, with a line where each shared prefix ends."""
    ends: dict[int, list[str]] = {}
    for whose, end in prefix.items():
        ends.setdefault(end, []).append(whose)
    done, role = 0, ""
    for part in found:
        for whose in ends.get(done, []):
            out.print(Rule(f"{_ENDS[whose]}: {_prefix(found, done, counter)} tokens", style="blue", align="left"))
        if part.role != role:
            role = part.role
            out.print(Text(f"\n{role}", style="bold underline"))
        out.print(Text(part.text, style=_COLOURS[part.stability]), end="", soft_wrap=True)
        if part.text.endswith("\n") is False and part is not found[-1]:
            out.print()
        done += len(part.text)
    out.print()


def _prefix(found: Sequence[Part], end: int, counter: FileTokenizer | None) -> int:
    return tokens("".join(part.text for part in found)[:end], counter)


def _counted(counter: FileTokenizer | None) -> str:
    return f"estimated at {CHARACTERS_PER_TOKEN} characters each" if counter is None else f"counted by {counter.name}"


def _facts(prompt: Prompt) -> dict[str, Any]:
    return {**prompt.front.model_dump(exclude={"budget"}), "version": prompt.version}


def _finding(one: Finding) -> dict[str, str]:
    return {"rule": one.rule, "severity": one.severity, "message": one.message, "remedy": one.remedy}


def _unified(one: str, two: str, before: str, after: str) -> list[str]:
    return list(difflib.unified_diff(one.splitlines(), two.splitlines(), before, after, lineterm=""))


def _write(found: Any) -> None:
    out.file.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
