package io.calm.checkpoint.template;

import io.calm.checkpoint.ChatTemplate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A chat template; the engine is started at the first rendering. */
final class JinjaChatTemplate implements ChatTemplate {
  private final String source;
  private final Map<String, String> tokens;

  /**
   * Holds a template.
   *
   * @param tokens texts of the special tokens by variable, e.g. {@code bos_token}
   */
  JinjaChatTemplate(String source, Map<String, String> tokens) {
    this.source = TemplateSource.adapt(source);
    this.tokens = Map.copyOf(tokens);
  }

  /** Holds a template of a model with a BOS and an EOS at most. */
  JinjaChatTemplate(String source, Optional<String> bos, Optional<String> eos) {
    this(source, tokens(bos, eos));
  }

  private static Map<String, String> tokens(Optional<String> bos, Optional<String> eos) {
    Map<String, String> tokens = new HashMap<>();
    bos.ifPresent(token -> tokens.put("bos_token", token));
    eos.ifPresent(token -> tokens.put("eos_token", token));
    return tokens;
  }

  @Override
  public String render(List<Map<String, Object>> messages, boolean addGenerationPrompt) {
    return render(messages, addGenerationPrompt, Map.of());
  }

  @Override
  public String render(
      List<Map<String, Object>> messages,
      boolean addGenerationPrompt,
      Map<String, Object> variables) {
    return render(TemplateEngine.shared(), messages, addGenerationPrompt, variables);
  }

  String render(
      TemplateEngine engine,
      List<Map<String, Object>> messages,
      boolean addGenerationPrompt,
      Map<String, Object> more) {
    Map<String, @Nullable Object> variables = new HashMap<>(more);
    variables.putAll(tokens);
    variables.put("messages", Conversation.normalize(messages));
    variables.put("add_generation_prompt", addGenerationPrompt);
    variables.put("tools", null);
    variables.put("documents", null);
    return engine.render(source, variables);
  }
}
