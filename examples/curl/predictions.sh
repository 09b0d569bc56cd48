#!/bin/sh
# DJL's schema on /predictions/{model}: one prompt, several prompts, sampling with details.
. "$(dirname "$0")/lib.sh"

post "/predictions/$MODEL" '{"inputs": "The kernel", "parameters": {"max_new_tokens": 8}}'

post "/predictions/$MODEL" \
  '{"inputs": ["The kernel", "A file"], "parameters": {"max_new_tokens": 8}}'

post "/predictions/$MODEL" '{
  "inputs": "The kernel",
  "parameters": {"max_new_tokens": 8, "temperature": 0.7, "top_p": 0.9, "seed": 1, "details": true}
}'
