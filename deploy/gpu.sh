#!/bin/sh
# What could not be tried where polytaste is made: FAISS, training and vLLM on NVIDIA GPUs.
#   sh deploy/gpu.sh               after `make setup`, which takes the extra `gpu` where there is nvidia-smi
#   sh deploy/gpu.sh --small       the same commands at a small size on CPUs, to see that they run
#   MODEL=Qwen/Qwen3-8B GPUS=4 sh deploy/gpu.sh index train llm
# Nothing that exists is changed: all that is made lies in a folder of its own, which goes at the end.
set -eu
small=
if [ "${1:-}" = --small ]; then small=yes; shift; fi
bin=${BIN:-.venv/bin}
parts=${*:-index train llm}
here=$(mktemp -d)
say() { printf '\n== %s\n' "$1"; }
stop() { if [ "${started:-}" ]; then "$bin/polytaste" llm down; fi; rm -rf "$here"; }
trap stop EXIT
trap 'exit 130' INT TERM
if [ "$small" ]; then
  GPUS=2 precision=bf16 batch=32 bench=20000
  size="--users 2 --items 2 --likes 60000"
  tests="-k ranks_a_slate"
  modes="--users 2 --timed 1 --at-once 1"
else
  command -v nvidia-smi >/dev/null || { echo "no nvidia-smi: a GPU is needed, or --small" >&2; exit 2; }
  GPUS=${GPUS:-$(nvidia-smi --list-gpus | wc -l)} precision=bf16 batch=1024 bench=1000000
  size="--users 30 --items 10 --likes 3000000"  # more than 50,000 items, so that the softmax is sampled
  tests=
  modes="--users 40 --timed 16 --at-once 1 --at-once 4 --at-once 16"
fi
pytest() { "$bin/python" -m pytest -rs -p no:cacheprovider --basetemp="$here/tests" "$@"; }

for part in $parts; do
  case $part in
  index)
    say "the index: what a GPU must refuse, and how fast it is against exact search and NumPy"
    pytest tests/retrieval/test_index.py -k "device or gpu or size"
    "$bin/polytaste" index bench --items "$bench"
    ;;
  train)
    say "training: equal to a CPU's, then $GPUS processes in $precision"
    pytest tests/retrieval/test_training_scale.py
    # shellcheck disable=SC2086  (several words)
    "$bin/polytaste" expand --out "$here/large" $size
    OMP_NUM_THREADS=${OMP_NUM_THREADS:-4} "$bin/python" -m torch.distributed.run --standalone --nproc-per-node "$GPUS" --no-python \
      "$bin/polytaste" train --data "$here/large" --out "$here/model" --no-words --epochs 1 \
      --batch "$batch" --precision "$precision" --memory-gb 8
    "$bin/polytaste" recommend --model "$here/model" --user 0-1 --no-llm --k 5
    ;;
  llm)
    say "the language model: what it says, what it is worth, requests a second"
    # shellcheck disable=SC2086
    pytest tests/agent/test_vllm.py $tests
    if ! "$bin/polytaste" llm status 2>/dev/null; then
      started=yes
      "$bin/polytaste" llm up ${MODEL:+--model "$MODEL"}
    fi
    # shellcheck disable=SC2086
    "$bin/polytaste" llm modes $modes
    ;;
  *)
    echo "index, train or llm, not $part" >&2
    exit 2
    ;;
  esac
done
say "done"
