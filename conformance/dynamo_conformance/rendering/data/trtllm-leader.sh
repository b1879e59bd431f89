# Followers are named like their leader, with -1, -2, ... before the first dot.
hosts="$LWS_LEADER_ADDRESS"
deadline=$(($(date +%s) + 300))
for index in $FOLLOWERS; do
  host="${LWS_LEADER_ADDRESS%%.*}-$index.${LWS_LEADER_ADDRESS#*.}"
  until getent hosts "$host" > /dev/null; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      echo "no DNS record for $host after 300 s" >&2
      exit 1
    fi
    sleep 2
  done
  hosts="$hosts,$host"
done
set -- --oversubscribe -n "$RANKS" -H "$hosts"
if [ "$(id -u)" = 0 ]; then
  set -- "$@" --allow-run-as-root
fi
set -- "$@" --mca pml ob1
set -- "$@" --mca plm_rsh_args "-p $SSH_PORT -o StrictHostKeyChecking=no -i $keys/id_rsa"
for name in $FORWARDED; do
  set -- "$@" -x "$name"
done
exec mpirun "$@" bash -c "$LAUNCH"
