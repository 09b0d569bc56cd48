package io.calm.serving.lmi;

import com.google.gson.JsonObject;

/**
 * The parts of an answer of DJL's schema beside its text, and its framing.
 *
 * @param details whether {@code details} is present
 * @param prefill whether details list the prompt's tokens
 * @param fullText whether {@code generated_text} begins with the prompt
 * @param array whether the body is an array because {@code inputs} was one
 * @param best number of sequences to show for each prompt, the likeliest first
 * @param streamed whether the answer is sent token by token
 * @param sse whether it is streamed as server-sent events
 * @param tgiCompat whether keys are named as in Text Generation Inference
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

  /** Returns one framed piece of a stream. */
  String framed(JsonObject object) {
    return sse ? "data: " + object + "\n\n" : object + "\n";
  }
}
