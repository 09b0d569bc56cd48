package io.calm.serving.lmi;

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
    boolean tgiCompat) {}
