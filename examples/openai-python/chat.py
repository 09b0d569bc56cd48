"""Chats, streams and completes with OpenAI's Python client against a CALM server.

Usage: chat.py [BASE_URL] [MODEL]    default: http://127.0.0.1:8080/v1, the server's first model
CALM_API_KEY is sent where the server asks for a key.
"""

import os
import sys

from openai import OpenAI


def main():
    base_url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080/v1"
    # The client insists on a key; a server without one ignores it.
    client = OpenAI(base_url=base_url, api_key=os.environ.get("CALM_API_KEY", "none"))
    model = sys.argv[2] if len(sys.argv) > 2 else client.models.list().data[0].id
    messages = [{"role": "user", "content": "What is the capital of France?"}]

    answer = client.chat.completions.create(
        model=model, messages=messages, temperature=0, max_tokens=32
    )
    whole = answer.choices[0].message.content
    print(f"{model}: {whole}")
    print(f"{answer.usage.prompt_tokens} + {answer.usage.completion_tokens} tokens")

    streamed = ""
    chunks = client.chat.completions.create(
        model=model, messages=messages, temperature=0, max_tokens=32, stream=True
    )
    print("streamed: ", end="")
    for chunk in chunks:
        if chunk.choices and chunk.choices[0].delta.content:
            streamed += chunk.choices[0].delta.content
            print(chunk.choices[0].delta.content, end="", flush=True)
    print()
    # Greedy answers are reproducible, streamed or not.
    assert streamed == whole, (streamed, whole)

    scored = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=4, temperature=0, logprobs=1
    )
    logprobs = scored.choices[0].logprobs
    for token, logprob in zip(logprobs.tokens, logprobs.token_logprobs):
        print(f"{token!r:12} {logprob:.3f}")


if __name__ == "__main__":
    main()
