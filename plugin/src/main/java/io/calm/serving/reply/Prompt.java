package io.calm.serving.reply;

/**
 * A prompt as the client gave it and as the model reads it.
 *
 * @param tokens not copied
 */
@SuppressWarnings("ArrayRecordComponent") // a bulk value, never compared
public record Prompt(String text, int[] tokens) {}
