package io.calm.checkpoint;

import java.util.List;
import java.util.Map;

/** A model's own Jinja chat template. Thread safe. */
public interface ChatTemplate {

  /**
   * Renders a conversation to the prompt's text.
   *
   * @param messages as in OpenAI's schema: {@code role}, {@code content}, and what else the client
   *     sent
   * @param addGenerationPrompt whether the text ends with the assistant's header
   * @throws IllegalArgumentException if the template refuses the conversation ({@code
   *     raise_exception}), with its message, or fails to render it, with the line and the reason
   */
  String render(List<Map<String, Object>> messages, boolean addGenerationPrompt);

  /**
   * Renders with more variables, e.g. {@code enable_thinking}; a template that does not know one
   * ignores it.
   *
   * @param variables plain JSON values; the names that every template has are not changed by them
   */
  default String render(
      List<Map<String, Object>> messages,
      boolean addGenerationPrompt,
      Map<String, Object> variables) {
    return render(messages, addGenerationPrompt);
  }
}
