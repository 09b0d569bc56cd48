package io.calm.serving.reply;

/**
 * A prompt as text and as tokens.
 *
 * @param text as the client sent it
 * @param tokens not copied
 * @param open number of UTF-16 units at the end of the text that stand for the start of a
 *     character, which the answer completes
 */
@SuppressWarnings("ArrayRecordComponent") // a bulk value, never compared
public record Prompt(String text, int[] tokens, int open) {
  /** Creates a prompt that does not end inside a character. */
  public Prompt(String text, int[] tokens) {
    this(text, tokens, 0);
  }

  /** Returns the text that is before an answer. */
  public String beforeAnswer() {
    return text.substring(0, text.length() - open);
  }
}
