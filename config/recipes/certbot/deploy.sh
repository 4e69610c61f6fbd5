#!/bin/sh
# certbot's deploy hook: gives the gateway a renewed certificate and its key, both in one step.
#   certbot renew --deploy-hook /deploy.sh
# certbot says in RENEWED_LINEAGE where they are. CERTIFICATES is where the gateway looks, GROUP the group it runs as.
set -eu

target=${CERTIFICATES:-/certificates}
group=${GROUP:-65532}
name=$(basename "$RENEWED_LINEAGE")-$$-$(date +%s)

umask 077
mkdir "$target/$name"
for file in fullchain.pem privkey.pem; do
  install -m 0440 -g "$group" "$RENEWED_LINEAGE/$file" "$target/$name/$file"
done
chgrp "$group" "$target/$name"
chmod 0750 "$target/$name"

# A link can be replaced in one step, so the gateway never sees the certificate of one pair and the key of another.
ln -s "$name" "$target/live.new"
mv -T "$target/live.new" "$target/live"
find "$target" -mindepth 1 -maxdepth 1 -type d ! -name "$name" -exec rm -r {} +

# On the gateway's own machine one may wait for the outcome, so that certbot reports a certificate that is not taken.
if [ -n "${CORS_GATEWAY_ADMIN:-}" ]; then
  cors-gateway reload
fi
