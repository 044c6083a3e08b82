# Runs a PostgreSQL server for as long as its own standard input stays open.
#
# The other end of that pipe is held by idlink, so it closes however idlink
# ends, `kill -9` included.
#
# $1: the signal that asks the server to stop; $2: its socket directory;
# then the server and its arguments.

# Whoever signals all processes of a service at once must not take away the
# one that looks after the server. The server itself gets its signals.
trap '' HUP INT TERM
ask=$1 sockets=$2
shift 2

exec 3<&0 </dev/null
(
    trap - HUP INT TERM
    exec "$@"
) 3<&- &
server=$!

# The signals come with growing force, and CONT with each, for a server that
# somebody has suspended. Output is closed: who still has the server's log
# open is taken for a part of the server.
(
    while read -r _; do :; done
    for signal in "$ask" QUIT KILL; do
        kill "-$signal" "$server"
        kill -CONT "$server"
        tenths=0
        while [ "$tenths" -lt 100 ]; do
            kill -0 "$server" || exit
            sleep 0.1
            tenths=$((tenths + 1))
        done
    done
) <&3 >/dev/null 2>&1 &
guard=$!

exec 3<&-
wait "$server"
status=$?
kill -KILL "$guard" 2>/dev/null
rmdir "$sockets" 2>/dev/null
exit "$status"
