# Makes this instance the cluster's only server. What ought to run on it, and nowhere else, is in the manifests.

read_metadata
private_ip=$(metadata local-ipv4)
install_k3s

# Agents get a token of their own: the server's opens everything, and never leaves this disk.
agent_token=$ROOT/etc/rancher/k3s/agent-token
if [ ! -s "$agent_token" ]; then
  random_hex >"$agent_token"
fi

cat >"$ROOT/etc/rancher/k3s/config.yaml" <<CONFIG
node-name: $instance_id
agent-token-file: $agent_token
tls-san:
  - $private_ip
node-label:
  - topology.kubernetes.io/zone=$zone
node-taint:
  - node-role.kubernetes.io/control-plane:NoSchedule
kubelet-arg:
  - provider-id=aws:///$zone/$instance_id
secrets-encryption: true
# A worker may go at any time: volumes on its disk would pin it, or be lost with it.
disable:
  - local-storage
CONFIG
start_k3s k3s server notify

kubectl() { "$ROOT/usr/local/bin/k3s" kubectl "$@"; }
retry kubectl get --raw /readyz || fail 'the Kubernetes API does not become ready'
retry "$ROOT/usr/local/sbin/node-fleet-publish" || fail 'cannot publish the secrets'

# K3s would let CoreDNS and metrics-server move to workers and hold them there. It keeps what is patched until its own
# manifest changes with a new version: run `systemctl start node-fleet-settle` after an upgrade, or reboot.
cat >"$ROOT/etc/systemd/system/node-fleet-settle.service" <<UNIT
[Unit]
Description=Keep the cluster's singletons on the master
After=k3s.service

[Service]
Type=oneshot
Restart=on-failure
RestartSec=30s
$(for each in coredns metrics-server; do
  echo "ExecStart=/usr/local/bin/k3s kubectl -n kube-system patch deployment $each --patch '{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"node-role.kubernetes.io/control-plane\":\"true\"}}}}}'"
done)

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now --no-block node-fleet-settle.service
