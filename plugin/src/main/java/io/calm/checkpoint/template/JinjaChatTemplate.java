package io.calm.checkpoint.template;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.CheckpointException;
import io.calm.jinja.Template;
import io.calm.jinja.TemplateException;
import io.calm.jinja.TemplateRaisedException;
import io.calm.jinja.TemplateSyntaxException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A chat template that renders a {@link Template} with transformers' variables. */
final class JinjaChatTemplate implements ChatTemplate {
  private static final String CONTENT = "content";

  private static final String HELLO = "Hello";
  private static final Map<String, Object> USER = Map.of("role", "user", CONTENT, HELLO);
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
    this.developer = source.contains(Conversation.DEVELOPER);
    this.tokens = Map.copyOf(tokens);
    this.form = form();
  }

  private Conversation.Form form() {
    if (!template.loopsOver("messages", CONTENT)) {
      return Conversation.Form.TEXT;
    }
    if (template.testsForString("messages", CONTENT)) {
      return Conversation.Form.AS_GIVEN;
    }
    return wantsText() ? Conversation.Form.TEXT : Conversation.Form.PARTS;
  }

  /**
   * Returns whether a template that loops over contents prints them if they are text, and otherwise
   * if they are parts. It may loop over the contents of other roles only, or over a name that also
   * holds something else: Mistral Nemo's lists tool calls.
   */
  private boolean wantsText() {
    for (List<Map<String, Object>> messages : List.of(List.of(USER), List.of(SYSTEM, USER))) {
      Optional<String> text = trial(messages, Conversation.Form.TEXT);
      if (text.filter(shown -> shown.contains(HELLO)).isPresent()) {
        return !text.equals(trial(messages, Conversation.Form.PARTS));
      }
    }
    return false;
  }

  private Optional<String> trial(List<Map<String, Object>> messages, Conversation.Form as) {
    try {
      return Optional.of(
          render(messages, true, Map.of(), as, Clock.fixed(Instant.EPOCH, ZoneOffset.UTC)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
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
    return render(messages, addGenerationPrompt, more, form, clock);
  }

  private String render(
      List<Map<String, Object>> messages,
      boolean addGenerationPrompt,
      Map<String, Object> more,
      Conversation.Form as,
      Clock clock) {
    Map<String, @Nullable Object> variables = new HashMap<>(tokens);
    variables.putAll(more); // these override special tokens, as in transformers
    variables.put("tools", null);
    variables.put("documents", null);
    variables.put("messages", Conversation.normalize(messages, as, developer));
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
