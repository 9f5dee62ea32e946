#!/bin/sh
# Builds the image and runs it, on a machine that reaches Debian's packages but no registry of
# images. A Debian with its Python stands for the image of Python. Everything is kept in DIRECTORY.
# Without DATABASE_URL, the server has SQLite in its volume.
set -eu
[ $# = 1 ] || { echo "usage: [DATABASE_URL=URL] $0 DIRECTORY, as root" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
checkout=$(cd "$(dirname "$0")/.." && pwd)
port=${PORT:-8123}
export CONTAINERS_STORAGE_CONF="$folder/storage.conf"
printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' \
    "$folder" "$folder" > "$CONTAINERS_STORAGE_CONF"

apt-get -qq install --no-install-recommends mmdebstrap buildah podman crun netavark openssl > /dev/null

if ! buildah inspect localhost/python > /dev/null 2>&1; then
    mmdebstrap --variant=minbase --include=python3-venv,ca-certificates \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$folder/base.tar"
    base=$(buildah from scratch)
    buildah add --quiet "$base" "$folder/base.tar" / > /dev/null
    buildah run --isolation chroot "$base" ln -s python3 /usr/bin/python
    # Where a proxy signs what comes from outside, this machine trusts it.
    buildah copy --quiet "$base" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ > /dev/null
    buildah commit --quiet --rm "$base" localhost/python > /dev/null
fi
buildah bud --quiet --isolation chroot --format docker --tag localhost/skylogin \
    --build-arg PYTHON_IMAGE=localhost/python "$checkout" > /dev/null

# As in the directory `secrets` beside docker-compose.yml, for the user of the image.
secrets="$folder/secrets"
rm -rf "$secrets"
mkdir "$secrets"
key() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
key > "$secrets/master_key"
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$secrets/key.pem" -out "$secrets/cert.pem" 2> /dev/null
chown -R 10001 "$secrets"
chmod -R u=rX,go= "$secrets"

# As in docker-compose.yml, but in the machine's own network, on loopback.
# crun refuses cgroups of both versions; it sees only the first.
unshare --mount sh -eus <<END
umount /sys/fs/cgroup/unified 2> /dev/null || true
podman="podman --cgroup-manager=cgroupfs --log-level=fatal"
container=\$(\$podman run --detach --no-healthcheck --cgroups=disabled --network host \
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --read-only --read-only-tmpfs=false \
    --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --volume data:/data \
    --env HOST=127.0.0.1 --env PORT=$port --env API_KEY=$(key) \
    --volume "$secrets:/run/secrets:ro" --env MASTER_KEY_FILE=/run/secrets/master_key \
    --env SKYLOGIN_TLS_CERT=/run/secrets/cert.pem --env SKYLOGIN_TLS_KEY=/run/secrets/key.pem \
    --env DATABASE_URL="${DATABASE_URL:-sqlite:////data/skylogin.db}" localhost/skylogin)
trap "\$podman rm --force \$container > /dev/null; \$podman volume rm data > /dev/null" EXIT
# The health check of the image, and what it may do.
check=\$(buildah inspect --type image --format '{{range .Docker.Config.Healthcheck.Test}}{{.}} {{end}}' localhost/skylogin)
echo "health check: \$check"
\$podman exec \$container skylogin wait --timeout 30 || { \$podman logs \$container; exit 1; }
\$podman exec \$container \${check#CMD }
\$podman exec \$container sh -c 'id; grep -E "^(CapEff|NoNewPrivs)" /proc/1/status; ! touch /x'
\$podman stop --time 10 \$container > /dev/null
\$podman logs \$container
[ "\$(\$podman inspect --format '{{.State.ExitCode}}' \$container)" = 0 ]
END
echo "the image is good"
