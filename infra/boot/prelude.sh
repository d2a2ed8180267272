set -euo pipefail
umask 077

fail() {
  echo "node-fleet: $*" >&2
  exit 1
}

random_hex() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
