#!/bin/sh
# Replaces the routers of a running compose project one by one, with the present image and settings.
# It refuses no client: each new router is ready before the old one drains. From the top folder of a clone:
#
#   docker compose build && deploy/roll.sh
set -eu
cd "$(dirname "$0")/.."

old=$(docker compose ps --quiet gantry)
count=$(echo "$old" | wc -w)
for container in $old; do
  docker compose up --detach --wait --no-deps --no-recreate --scale gantry=$((count + 1)) gantry
  # SIGTERM: it drains, and has stop_grace_period to do so.
  docker stop "$container"
  docker rm "$container"
done
