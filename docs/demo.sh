#!/bin/sh
# The demo: train on the bundled data, start a real vLLM, ask twice, stop what was started.
set -eu
bin=$1
say() { printf '\n== %s\n' "$1"; }
stop() { if [ "${started:-}" ]; then say "stopping vLLM"; "$bin/polytaste" llm down; fi; }
trap stop EXIT INT TERM

say "a persona encoder for MovieLens latest-small"
if "$bin/polytaste" doctor | grep -q "polytaste train"; then "$bin/polytaste" train; else echo "already trained"; fi

say "a language model served by vLLM on 127.0.0.1"
if ! "$bin/polytaste" llm status 2>/dev/null; then started=yes; "$bin/polytaste" llm up; fi

say "a user of the data asks in words"
"$bin/polytaste" recommend --user 1 --request "something like Blade Runner, no horror" --deadline-ms 10000

say "someone new names five titles"
"$bin/polytaste" recommend --like "Alien (1979)" --like "Aliens (1986)" --like "Toy Story (1995)" \
  --like "Monsters, Inc. (2001)" --like "Titanic (1997)" --deadline-ms 10000
