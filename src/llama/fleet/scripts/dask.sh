# What a server of a Dask cluster runs, in a session of its own. Arguments: ADDRESS SCHEDULER PORT FOLDER WORKERS
# The server whose address is that of the scheduler runs both. One that cannot speak to it for a minute ends.
address=$1 scheduler=$2 port=$3 folder=$4 workers=$5
tool=$(command -v "$program") || { echo "there is no $program on it" >&2; exit 1; }
python=$(sed -n '1s/^#!//p' "$tool")
"$python" -c 'import distributed' || { echo "its llama has no Dask: install llama-astro[studies] there, as init --wheel does with --lock requirements-dev.lock" >&2; exit 1; }
cd "$HOME/$folder" || exit 1
[ "$workers" != 0 ] || workers=$(nproc)
tls="--tls-ca-file cert.pem --tls-cert cert.pem --tls-key key.pem"
if [ "$address" = "$scheduler" ]; then
    "$python" -m distributed.cli.dask_scheduler --host "$address" --port "$port" --protocol tls \
        --no-dashboard --dashboard-address 127.0.0.1:0 $tls &
fi
exec "$python" -m distributed.cli.dask_worker "tls://$scheduler:$port" --host "$address" $tls \
    --no-dashboard --dashboard-address 127.0.0.1:0 \
    --nworkers "$workers" --nthreads 1 --death-timeout 60 --local-directory "$HOME/$folder/work"
