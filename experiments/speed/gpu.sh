#!/usr/bin/env bash
# What a GPU does, in under nine minutes, with no network: bash experiments/speed/gpu.sh [--data-dir DIR] > gpu.json
# Any Python that has jax, optax and torch will do (PYTHON=...); what is missing is said, and the rest runs.
cd "$(dirname "$0")/../.." || exit
export PYTHONPATH="$PWD"
exec "${PYTHON:-python3}" -m experiments.speed.gpu "$@"
