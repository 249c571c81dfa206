#!/bin/sh
# Installs Bitcoin Core's consensus code (py-bitcoinkernel) for the tests, into SPILLWAY_KERNEL_DIR or the user's cache.
# Where python3, pip or a wheel for this machine is not to be had, it says so in one line and ends well:
# the suites that need it then say what they skipped.
set -u
version=0.1.0a5
venv=${SPILLWAY_KERNEL_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/spillway-kernel}

skip() {
  rm -rf "$venv"
  echo "no consensus kernel: $1"
  exit 0
}

if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import pbk' 2>/dev/null; then exit 0; fi
command -v python3 >/dev/null 2>&1 || skip 'python3 is not on PATH'
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv" >/dev/null 2>&1 || skip 'python3 -m venv does not work here'
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "py-bitcoinkernel==$version" >/dev/null 2>&1 ||
  skip "py-bitcoinkernel $version cannot be installed here"
"$venv/bin/python" -c 'import pbk' 2>/dev/null || skip 'py-bitcoinkernel does not load'
