#!/bin/sh
# run-as.sh PIDFILE PROGRAM [ARGUMENT...]: notes the process's own pid, then becomes the program, which keeps that pid.
set -eu
echo $$ > "$1.draft"
mv "$1.draft" "$1"
shift
exec "$@"
