package io.calm.checkpoint.template;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.ChatTemplate.ArgumentForm;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds out which form of tool call arguments a template prints, as llama.cpp does: renders a small
 * conversation with each form and looks for a key of the arguments. A form is right if the key is
 * neither escaped, as in JSON inside JSON, nor quoted as Python quotes it.
 */
final class ArgumentProbe {
  private static final String KEY = "argument_needle";
  private static final String VALUE = "print('Hello')";

  private ArgumentProbe() {}

  static ArgumentForm formOf(ChatTemplate template) {
    boolean object = shows(template, Map.of(KEY, VALUE));
    boolean string = shows(template, "{\"%s\": \"%s\"}".formatted(KEY, VALUE));
    if (object == string) {
      return ArgumentForm.AS_GIVEN;
    }
    return object ? ArgumentForm.OBJECT : ArgumentForm.STRING;
  }

  /** Tries both schemas of calls; some templates require a content beside them. */
  private static boolean shows(ChatTemplate template, Object arguments) {
    Map<String, Object> function = Map.of("name", "probe", "arguments", arguments);
    // Mistral's templates require ids of nine characters.
    Object calls = List.of(Map.of("id", "call00000", "type", "function", "function", function));
    return isShown(template, Map.of("tool_calls", calls))
        || isShown(template, Map.of("tool_calls", calls, "content", ""))
        || isShown(template, Map.of("function_call", function))
        || isShown(template, Map.of("function_call", function, "content", ""));
  }

  private static boolean isShown(ChatTemplate template, Map<String, Object> call) {
    Map<String, Object> message = new HashMap<>(call);
    message.put("role", "assistant");
    try {
      String text =
          template.render(List.of(Map.of("role", "user", "content", "Hello"), message), false);
      return text.contains(KEY) && !text.contains("\\\"" + KEY) && !text.contains("'" + KEY);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
