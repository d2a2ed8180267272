# What master and worker share. The variables in capitals are set above, by user-data.ts.

# retry COMMAND...: again every RETRY_SECONDS until it succeeds, for PATIENCE_SECONDS in all.
retry() {
  local deadline=$((SECONDS + PATIENCE_SECONDS))
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep "$RETRY_SECONDS"
  done
}

# IMDSv2: without a session token there is no answer.
open_metadata() {
  metadata_token=$(curl -fsS -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 600' \
    http://169.254.169.254/latest/api/token)
}

metadata() {
  curl -fsS -m 5 -H "X-aws-ec2-metadata-token: $metadata_token" \
    "http://169.254.169.254/latest/meta-data/$1"
}

# A node is named after its instance: names of addresses come back, and K3s refuses a name it has
# seen before. Without the provider id nothing tells which instance a node is.
read_metadata() {
  retry open_metadata || fail 'the instance metadata service does not answer'
  instance_id=$(metadata instance-id)
  zone=$(metadata placement/availability-zone)
  [[ $instance_id == i-* ]] || fail "expected an instance id, got '$instance_id'"
}

# Nothing is run, or even in its place, before its checksum is right.
install_k3s() {
  local place=$ROOT/usr/local/bin/k3s
  mkdir -p "$ROOT/usr/local/bin" "$ROOT/etc/rancher/k3s" "$ROOT/etc/systemd/system"
  retry curl -fsSL -m 120 -o "$place.part" "$K3S_URL" || fail "cannot download $K3S_URL"
  if ! echo "$K3S_SHA256  $place.part" | sha256sum --check --status; then
    rm -f "$place.part"
    fail "the checksum of $K3S_URL is not $K3S_SHA256"
  fi
  chmod 0755 "$place.part"
  mv "$place.part" "$place"
}

# start_k3s UNIT server|agent TYPE: as a service, from /etc/rancher/k3s/config.yaml. A server tells systemd when it is
# ready.
start_k3s() {
  cat >"$ROOT/etc/systemd/system/$1.service" <<UNIT
[Unit]
Description=K3s $2
Wants=network-online.target
After=network-online.target

[Service]
Type=$3
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s $2
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
  systemctl enable --now --no-block "$1.service"
}
