package io.calm.serving.lmi;

import com.google.gson.JsonObject;

/**
 * What an answer of DJL's schema shows beside its text.
 *
 * @param details whether {@code details} is there
 * @param prefill whether details list the prompt's tokens
 * @param fullText whether {@code generated_text} begins with the prompt
 * @param array whether the body is an array: {@code inputs} was one
 * @param best sequences to show for each prompt, the likeliest first
 * @param streamed token by token
 * @param sse streamed as server-sent events
 * @param tgiCompat names as in Text Generation Inference
 */
record LmiDetails(
    boolean details,
    boolean prefill,
    boolean fullText,
    boolean array,
    int best,
    boolean streamed,
    boolean sse,
    boolean tgiCompat) {

  String contentType() {
    if (!streamed) {
      return "application/json";
    }
    return sse ? "text/event-stream" : "application/jsonlines";
  }

  /** Returns whether the answer shows log-probabilities. */
  boolean scores() {
    return details || (streamed && !array);
  }

  /** Returns one piece of a stream as it goes out. */
  String framed(JsonObject object) {
    return sse ? "data: " + object + "\n\n" : object + "\n";
  }
}
