# Shared by the scripts beside it. URL, MODEL and CALM_API_KEY come from the environment.
set -eu
URL=${URL:-http://127.0.0.1:8080}
MODEL=${MODEL:-calm-tiny-llama}

# post PATH BODY [curl options]: prints the answer; a status of 400 or more ends the script with 22.
post() {
  path=$1
  body=$2
  shift 2
  if [ -n "${CALM_API_KEY:-}" ]; then
    set -- -H "Authorization: Bearer $CALM_API_KEY" "$@"
  fi
  printf '$ POST %s\n  %s\n' "$path" "$body"
  curl -sS --fail-with-body "$@" -H 'Content-Type: application/json' -d "$body" "$URL$path"
}
