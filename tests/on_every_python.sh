#!/usr/bin/env bash
# Runs a quick selection of the tests, the run of one domain and its analysis on every Python from 3.10 to 3.13 that this machine has.
# Each gets an environment of its own, .venv-3.10 and so on. UV names the uv to install with.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
quick="tests/test_public_names.py tests/unit/events tests/unit/logger tests/unit/instrument/test_patching.py tests/unit/analysis/test_golden.py
  tests/property/test_codec.py"
tried=0

# A Python that answers with this version: pyenv's, or one on the PATH (pyenv's own python3.x may be a name without a version behind it).
python_of() {
  local candidate
  for candidate in "$HOME"/.pyenv/versions/"$1".*/bin/python "$(command -v "python$1" || true)"; do
    if [ -x "$candidate" ] && "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

for version in 3.10 3.11 3.12 3.13; do
  python=$(python_of "$version")
  if [ -z "$python" ]; then
    echo "Python $version: not on this machine"
    continue
  fi
  echo "Python $version: $python"
  own=.venv-$version
  if [ ! "$own/done.stamp" -nt requirements-test.lock ]; then
    "$uv" venv --quiet --clear --python "$python" "$own"
    "$uv" pip install --quiet --python "$own/bin/python" --require-hashes --no-deps -r requirements-test.lock
    touch "$own/done.stamp"
  fi
  logs=$(mktemp -d)
  # shellcheck disable=SC2086
  "$own/bin/python" -m pytest -q -n 0 -p no:cacheprovider $quick
  "$own/bin/python" run_local.py --domains mock --no-progress --log-dir "$logs" >/dev/null
  "$own/bin/python" analyze_timing_from_tau2_log.py --log_file "$logs/tau2_mock.log" --output_dir "$logs/analysis" --deep >/dev/null
  rm -r "$logs"
  tried=$((tried + 1))
done
echo "passed on $tried versions of Python"
[ "$tried" -gt 0 ]
