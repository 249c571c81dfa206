#!/bin/sh
# Installs nutshell's code (PyPI `cashu`), as a second reader of tokens, into SPILLWAY_NUTSHELL_DIR or the user's cache.
# Only what its tokens and its curve work need: its own list has parts that cannot be had together.
# Where python3, pip or a wheel is not to be had within five minutes, it says so in one line and ends well:
# the suite that needs it then says what it skipped.
set -u
version=0.20.3
venv=${SPILLWAY_NUTSHELL_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/spillway-nutshell}
needs='cbor2==5.9.0 loguru==0.7.3 pydantic==2.14.3 pydantic-settings==2.16.3 SQLAlchemy==2.1.9 environs==9.5.0
  marshmallow==3.26.2 pycryptodomex==3.24.2 bip32==4.0 coincurve==20.0.0'

skip() {
  rm -rf "$venv"
  echo "no nutshell: $1"
  exit 0
}
works() { "$venv/bin/python" -c 'import cashu.core.base, cashu.core.crypto.b_dhke, cashu.core.crypto.keys' 2>/dev/null; }
bounded() { if command -v timeout >/dev/null 2>&1; then timeout 150 "$@"; else "$@"; fi; }
pip() { bounded "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$@" >/dev/null 2>&1; }

if [ -x "$venv/bin/python" ] && works; then exit 0; fi
command -v python3 >/dev/null 2>&1 || skip 'python3 is not on PATH'
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv" >/dev/null 2>&1 || skip 'python3 -m venv does not work here'
# shellcheck disable=SC2086
pip $needs || skip 'what it needs cannot be installed here'
pip --no-deps "cashu==$version" || skip "cashu $version cannot be installed here"
works || skip "cashu $version does not load"
