#!/bin/sh
# Streams: JSON lines, one per token, and the same as server-sent events.
. "$(dirname "$0")/lib.sh"

body='{"inputs": "The kernel", "stream": true, "parameters": {"max_new_tokens": 4, "details": true}}'

post "/predictions/$MODEL" "$body" --no-buffer

post "/predictions/$MODEL" "$body" --no-buffer -H 'Accept: text/event-stream'

post /v1/chat/completions '{
  "model": "'"$MODEL"'", "stream": true, "temperature": 0, "max_tokens": 4,
  "messages": [{"role": "user", "content": "What is a kernel?"}]
}' --no-buffer
