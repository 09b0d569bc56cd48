package io.calm.serving.reply;

/**
 * A prompt as text and as tokens.
 *
 * @param text as the client sent it
 * @param tokens not copied
 */
@SuppressWarnings("ArrayRecordComponent") // a bulk value, never compared
public record Prompt(String text, int[] tokens) {}
