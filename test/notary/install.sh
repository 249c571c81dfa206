#!/bin/sh
# Installs the reference library of OpenTimestamps for the tests, into SPILLWAY_OTS_DIR or the user's cache.
# Where python3 or the package is not to be had, it says so in one line and ends well: the suite then says what it skipped.
set -u
version=0.4.5
venv=${SPILLWAY_OTS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/spillway-ots}

skip() {
  rm -rf "$venv"
  echo "no OpenTimestamps library: $1"
  exit 0
}

if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import opentimestamps' 2>/dev/null; then exit 0; fi
command -v python3 >/dev/null 2>&1 || skip 'python3 is not on PATH'
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv" >/dev/null 2>&1 || skip 'python3 -m venv does not work here'
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "opentimestamps==$version" >/dev/null 2>&1 ||
  skip "opentimestamps $version cannot be installed here"
