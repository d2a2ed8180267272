# Joins this worker to its cluster.

# One running master with our tags; with two of them it would be luck which cluster is joined.
find_master() {
  master_ip=$(aws ec2 describe-instances --region "$REGION" \
    --filters "Name=tag:$CLUSTER_TAG,Values=$CLUSTER_ID" "Name=tag:$ROLE_TAG,Values=$MASTER_ROLE" \
    'Name=instance-state-name,Values=running' \
    --query 'Reservations[].Instances[].PrivateIpAddress' --output text) || return 1
  [[ $master_ip =~ ^[0-9.]+$ ]]
}

# A token that does not name the CA would make the agent believe whoever answers.
fetch_token() {
  aws secretsmanager get-secret-value --region "$REGION" --secret-id "$JOIN_SECRET" \
    --query SecretString --output text >"$ROOT/etc/rancher/k3s/join-token" || return 1
  grep -q '^K10[0-9a-f]*::' "$ROOT/etc/rancher/k3s/join-token"
}

read_metadata
market=$(metadata instance-life-cycle)
install_k3s
retry find_master || fail "expected one running master of $CLUSTER_ID, got '$master_ip'"
retry fetch_token || fail "the secret $JOIN_SECRET holds no token that names the CA"

cat >"$ROOT/etc/rancher/k3s/config.yaml" <<CONFIG
server: https://$master_ip:6443
token-file: $ROOT/etc/rancher/k3s/join-token
node-name: $instance_id
node-label:
  - topology.kubernetes.io/zone=$zone
  - node-fleet/market=$market
kubelet-arg:
  - provider-id=aws:///$zone/$instance_id
CONFIG
start_k3s k3s-agent agent exec
