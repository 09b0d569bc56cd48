package io.calm.checkpoint.template;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.CheckpointException;
import io.calm.jinja.Template;
import io.calm.jinja.TemplateException;
import io.calm.jinja.TemplateRaisedException;
import io.calm.jinja.TemplateSyntaxException;
import java.time.Clock;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A chat template that renders a {@link Template} with transformers' variables. */
final class JinjaChatTemplate implements ChatTemplate {
  private static final String CONTENT = "content";

  private static final Map<String, Object> USER = Map.of("role", "user", CONTENT, "Hello");
  private static final Map<String, Object> SYSTEM = Map.of("role", "system", CONTENT, "Be brief.");

  private final String where;
  private final Template template;
  private final Conversation.Form form;
  private final boolean developer;
  private final Map<String, String> tokens;
  private @Nullable ArgumentForm argumentForm; // null until asked for

  /**
   * Parses a template.
   *
   * @param where the template's location, for error messages
   * @param source the template's text
   * @param tokens texts of the special tokens by variable, e.g. {@code bos_token}
   * @throws CheckpointException if the template cannot be parsed; the message has line and
   *     construct
   */
  JinjaChatTemplate(String where, String source, Map<String, String> tokens) {
    try {
      this.template = Template.parse(source);
    } catch (TemplateSyntaxException e) {
      throw new CheckpointException(
          "%s, %s; expected Jinja2 as Hugging Face transformers runs it; repair the template"
              .formatted(where, e.getMessage()),
          e);
    }
    this.where = where;
    this.form = form(template);
    this.developer = source.contains(Conversation.DEVELOPER);
    this.tokens = Map.copyOf(tokens);
  }

  private static Conversation.Form form(Template template) {
    if (!template.loopsOver("messages", CONTENT)) {
      return Conversation.Form.TEXT;
    }
    return template.testsForString("messages", CONTENT)
        ? Conversation.Form.AS_GIVEN
        : Conversation.Form.PARTS;
  }

  /** Finds out the form on the first call, once. */
  @Override
  public synchronized ArgumentForm argumentForm() {
    if (argumentForm == null) {
      argumentForm = ArgumentProbe.formOf(this);
    }
    return argumentForm;
  }

  @Override
  public Optional<String> failure() {
    Optional<TemplateException> failure = failure(List.of(USER));
    return failure.isEmpty()
            || failure.get() instanceof TemplateRaisedException
            || failure(List.of(SYSTEM, USER)).isEmpty() // it requires a system message
        ? Optional.empty()
        : Optional.of("%s, %s".formatted(where, failure.get().getMessage()));
  }

  private Optional<TemplateException> failure(List<Map<String, Object>> messages) {
    try {
      String unused = render(messages, true);
      return Optional.empty();
    } catch (IllegalArgumentException e) {
      return e.getCause() instanceof TemplateException cause
          ? Optional.of(cause)
          : Optional.empty();
    }
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
    return render(messages, addGenerationPrompt, variables, Clock.system(ZoneId.systemDefault()));
  }

  String render(
      List<Map<String, Object>> messages,
      boolean addGenerationPrompt,
      Map<String, Object> more,
      Clock clock) {
    Map<String, @Nullable Object> variables = new HashMap<>(tokens);
    variables.putAll(more); // these override special tokens, as in transformers
    variables.put("tools", null);
    variables.put("documents", null);
    variables.put("messages", Conversation.normalize(messages, form, developer));
    variables.put("add_generation_prompt", addGenerationPrompt);
    try {
      return template.render(variables, clock);
    } catch (TemplateRaisedException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    } catch (TemplateException e) {
      throw new IllegalArgumentException("it fails in " + e.getMessage(), e);
    }
  }
}
