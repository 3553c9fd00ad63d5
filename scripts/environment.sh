# Sourced by the other scripts: goes to the repository's root and makes or reuses .venv there.
# Usage: . scripts/environment.sh; prepare_environment EXTRA

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# Ctrl-C or a full disk in the middle of an installation must not leave a half-made environment in use.
INSTALLED=.venv/.installed

find_python() {
  for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python3.10; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Error: no Python from 3.10 to 3.13 with the venv module was found; install one, or name it: PYTHON=… $0" >&2
  return 1
}

prepare_environment() {
  local extra=$1 wanted
  wanted="$extra $(cat setup.py constraints.txt | cksum)"
  if [ "$(cat $INSTALLED 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  if [ ! -x .venv/bin/python ]; then
    local python
    python=$(find_python) || exit 1
    echo "Making .venv with $("$python" --version) …"
    "$python" -m venv .venv || exit 1
  fi
  echo "Installing rllib_remix[$extra] and what it needs (a minute or two) …"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extra]" || exit 1
  echo "$wanted" >$INSTALLED
}
