package io.calm.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The Jinja chat template of a model. Thread safe. */
public interface ChatTemplate {

  /** The form in which a template prints the arguments of tool calls. */
  enum ArgumentForm {
    /** Any form: the template distinguishes them, or does not print arguments. */
    AS_GIVEN,
    /** An object; a string would be printed as JSON in JSON. */
    OBJECT,
    /** JSON in a string; an object would fail or be printed as Python prints it. */
    STRING
  }

  /** Returns the form in which the arguments of tool calls must be given. */
  default ArgumentForm argumentForm() {
    return ArgumentForm.AS_GIVEN;
  }

  /**
   * Returns how the template fails for plain conversations: file, line and reason. Empty if it
   * renders one, or rejects one of a single user message by {@code raise_exception}.
   */
  default Optional<String> failure() {
    return Optional.empty();
  }

  /**
   * Renders a conversation as the text of a prompt.
   *
   * @param messages as in OpenAI's schema: {@code role}, {@code content} and any other fields of
   *     the request
   * @param addGenerationPrompt whether the text ends with the header of an assistant message
   * @throws IllegalArgumentException if the template rejects the conversation by {@code
   *     raise_exception}, or fails; the message has the template's own text, or the line and the
   *     reason
   */
  String render(List<Map<String, Object>> messages, boolean addGenerationPrompt);

  /**
   * Renders a conversation with extra variables, e.g. {@code enable_thinking}. A template ignores
   * variables that it does not use.
   *
   * @param variables plain JSON values; they cannot replace the standard variables, such as {@code
   *     messages}
   */
  default String render(
      List<Map<String, Object>> messages,
      boolean addGenerationPrompt,
      Map<String, Object> variables) {
    return render(messages, addGenerationPrompt);
  }
}
