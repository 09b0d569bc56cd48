package io.calm.serving.openai;

import io.calm.serving.reply.ApiException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The last message of a chat, which the answer continues. As in transformers, its content gets a
 * mark before the template is rendered, and the prompt ends at the mark. A search for the content
 * itself could find the template's own text, e.g. the {@code e} of {@code <|im_end|>}.
 *
 * @param message the message as the client sent it
 * @param text its text, or that of its last part
 */
record ContinuedMessage(Map<String, Object> message, String text) {
  /** A text without meaning to templates. The blank tells whether the template trims the end. */
  private static final String MARK = "CONTINUE_FINAL_MESSAGE_TAG ";

  private static final String CONTENT = "content";

  static ContinuedMessage lastOf(List<Map<String, Object>> messages) {
    Map<String, Object> message = messages.get(messages.size() - 1);
    List<String> texts = message.containsKey(CONTENT) ? ChatMessages.texts(message) : List.of();
    if (texts.isEmpty()) {
      throw ApiException.invalid(
          "continue_final_message", "expected a last message with content, got one without");
    }
    return new ContinuedMessage(message, texts.get(texts.size() - 1));
  }

  /** Returns the messages with the mark at the end of the last one. */
  List<Map<String, Object>> mark(List<Map<String, Object>> messages) {
    Map<String, Object> marked = new LinkedHashMap<>(message);
    marked.computeIfPresent(
        CONTENT,
        (key, content) -> content instanceof List<?> parts ? lastMarked(parts) : content + MARK);
    List<Map<String, Object>> result = new ArrayList<>(messages);
    result.set(result.size() - 1, marked);
    return result;
  }

  private List<Object> lastMarked(List<?> parts) {
    List<Object> result = new ArrayList<>(parts);
    result.set(result.size() - 1, ChatMessages.part(text + MARK));
    return result;
  }

  /** Returns a rendered chat up to the end of the message. */
  String cut(String rendered) {
    int end = rendered.lastIndexOf(MARK.strip());
    if (end < 0 || !rendered.contains(text.strip())) {
      throw ApiException.invalid(
          "continue_final_message",
          "the model's chat template does not show the last message as it is");
    }
    String kept = rendered.substring(0, end);
    boolean trims = !rendered.startsWith(MARK, end);
    // White space in front of a blank text is the template's own.
    return trims && !text.isBlank() ? kept.stripTrailing() : kept;
  }
}
