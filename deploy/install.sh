#!/usr/bin/env bash
# Installs ltxserve on this machine as a service: virtual environment, model, systemd unit.
#
#   sudo deploy/install.sh                       # the built-in model; service on 127.0.0.1:8000
#   sudo deploy/install.sh --model ltx-2-19b-distilled-fp8 --accept-licence
#   deploy/install.sh --no-service --prefix ~/ltxserve     # without root: environment and model only
#
# It can be run again: what is there is updated, settings in CONFIG/env stay as they are. Gated
# weights need a token: sudo HF_TOKEN=... deploy/install.sh --model ...
set -euo pipefail

prefix=/opt/ltxserve
config=/etc/ltxserve
data=/var/lib/ltxserve
user=ltxserve
model=tiny
python=python3
units=/etc/systemd/system
service=yes
install=yes
pull=()

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0"
  cat <<'TEXT'
options:
  --model NAME         the model to fetch and to serve by default (tiny)
  --accept-licence     accept the weights' licence (ltxserve models shows each)
  --prefix DIR         code and virtual environment (/opt/ltxserve)
  --data DIR           database, files, weights (/var/lib/ltxserve)
  --config DIR         the file env with the settings (/etc/ltxserve)
  --user NAME          who runs it (ltxserve)
  --python PROGRAM     Python 3.11 or newer (python3)
  --units DIR          where the unit is put (/etc/systemd/system)
  --no-service         no user, no unit
  --no-install         the virtual environment is there: install nothing into it
TEXT
}

fail() { echo "install.sh: $*" >&2; exit 1; }
say() { echo "== $*"; }

while [ $# -gt 0 ]; do
  case "$1" in
    --model) model=${2:?}; shift ;;
    --accept-licence) pull+=(--accept-licence) ;;
    --prefix) prefix=${2:?}; shift ;;
    --data) data=${2:?}; shift ;;
    --config) config=${2:?}; shift ;;
    --user) user=${2:?}; shift ;;
    --python) python=${2:?}; shift ;;
    --units) units=${2:?}; shift ;;
    --no-service) service=no ;;
    --no-install) install=no ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; fail "there is no option $1" ;;
  esac
  shift
done

if [ "$service" = yes ] && [ "$units" = /etc/systemd/system ]; then
  [ "$(id -u)" = 0 ] || fail "a service needs root (sudo); without one: --no-service --prefix DIR"
  [ -d /run/systemd/system ] || fail "this machine does not run systemd; use --no-service --prefix DIR"
fi
here=$(cd "$(dirname "$0")/.." && pwd)
[ "$service" = yes ] || data=${data/#\/var\/lib\/ltxserve/$prefix/data}
# The unit holds whole paths.
whole() { case "$1" in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac }
prefix=$(whole "$prefix") data=$(whole "$data") config=$(whole "$config") units=$(whole "$units")
venv=$prefix/venv

if [ "$install" = yes ]; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python is not Python 3.11 or newer; name one with --python"
  say "virtual environment in $venv"
  mkdir -p "$prefix"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" ||
    fail "no virtual environment: on Debian and Ubuntu, apt install python3-venv"
  "$venv/bin/pip" install --disable-pip-version-check -c "$here/constraints.txt" "$here[engine,server]"
  mkdir -p "$prefix/docs" && cp "$here/docs/deploy.md" "$prefix/docs/"
fi
[ -x "$venv/bin/ltxserve" ] || fail "$venv has no ltxserve in it"

if [ "$service" = yes ] && [ "$units" = /etc/systemd/system ]; then
  for place in "$prefix/" "$data/" "$(readlink -f "$venv/bin/python")"; do
    case "$place" in /home/* | /root/*)
      fail "the unit keeps home folders closed, and $place is in one: choose another --prefix, --data or --python" ;;
    esac
  done
fi

say "data in $data"
mkdir -p "$data/models"
if [ "$service" = yes ]; then
  id "$user" >/dev/null 2>&1 || useradd --system --home-dir "$data" --shell /usr/sbin/nologin "$user"
fi

say "model $model"
export LTXSERVE_DATA_DIR=$data LTXSERVE_MODELS=$data/models HF_HOME=$data/huggingface
"$venv/bin/ltxserve" models pull "$model" ${pull[@]+"${pull[@]}"}

if [ "$service" = yes ]; then
  chown -R "$user" "$data"
  say "settings in $config/env"
  mkdir -p "$config"
  if [ ! -e "$config/env" ]; then
    (umask 077 && printf '# See docs/reference/settings.md\nLTXSERVE_DEFAULT_MODEL=%s\n' "$model" > "$config/env")
  elif ! grep -qx "LTXSERVE_DEFAULT_MODEL=$model" "$config/env"; then
    say "it was there and stays as it is: which model is the default is said in it"
  fi
  say "unit in $units"
  sed -e "s|@PREFIX@|$prefix|g" -e "s|@DATA@|$data|g" -e "s|@CONFIG@|$config|g" -e "s|@USER@|$user|g" \
    "$here/deploy/systemd/ltxserve.service" > "$units/ltxserve.service"
  if [ "$units" = /etc/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable ltxserve.service
    systemctl restart ltxserve.service # not only start: what runs would go on with the old code
    say "running: systemctl status ltxserve; logs: journalctl -u ltxserve"
  fi
fi
say "done. A first clip: LTXSERVE_MODELS=$data/models $venv/bin/ltxserve generate 'a red ball rolls right on grass' --model $model -o ball.mp4"
