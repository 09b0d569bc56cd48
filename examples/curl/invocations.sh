#!/bin/sh
# /invocations, the route of Amazon SageMaker: DJL's schema, and OpenAI's where there are messages.
. "$(dirname "$0")/lib.sh"

# With one model on the server, model_name can be left out.
post "/invocations?model_name=$MODEL" \
  '{"inputs": "The kernel", "parameters": {"max_new_tokens": 8, "return_full_text": true}}'

post "/invocations?model_name=$MODEL" '{
  "messages": [{"role": "user", "content": "What is a kernel?"}], "temperature": 0, "max_tokens": 8
}'
