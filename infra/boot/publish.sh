# Writes what others need to reach this cluster to Secrets Manager: never through an argument, a log or an environment.
# Run it again to renew the alert token, or after the Secret node-fleet/autoscaler-token was made anew.

folder=$(mktemp -d "$ROOT/run/node-fleet.XXXXXX")
trap 'rm -rf "$folder"' EXIT
server=$ROOT/var/lib/rancher/k3s/server
kubectl() { "$ROOT/usr/local/bin/k3s" kubectl "$@"; }

put_secret() {
  aws secretsmanager put-secret-value --region "$REGION" --secret-id "$1" \
    --secret-string "file://$2" --query VersionId --output text
}

# In its long form the token names the CA by its hash.
tr -d '\n' <"$server/agent-token" >"$folder/join"
grep -q '^K10[0-9a-f]*::' "$folder/join" || fail "$server/agent-token does not name the CA"

kubectl -n node-fleet get secret autoscaler-token -o 'jsonpath={.data.token}' |
  base64 -d >"$folder/token"
[ -s "$folder/token" ] || fail 'the Secret node-fleet/autoscaler-token has no token yet'
printf '{"token":"%s","caBase64":"%s"}' "$(cat "$folder/token")" \
  "$(base64 -w0 "$server/tls/server-ca.crt")" >"$folder/access"

random_hex >"$folder/alert"
kubectl -n monitoring create secret generic alert-token --from-file="token=$folder/alert" \
  --dry-run=client -o yaml | kubectl apply -f - >&2

put_secret "$JOIN_SECRET" "$folder/join"
put_secret "$ACCESS_SECRET" "$folder/access"
put_secret "$ALERT_SECRET" "$folder/alert"
