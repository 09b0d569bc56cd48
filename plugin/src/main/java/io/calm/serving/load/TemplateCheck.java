package io.calm.serving.load;

import io.calm.checkpoint.ChatTemplate;
import io.calm.text.Printable;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tries a chat template on plain conversations before its model is served. */
final class TemplateCheck {
  private static final Logger logger = LoggerFactory.getLogger(TemplateCheck.class);

  /** Maximum length of a failure in characters. */
  private static final int MAX_FAILURE = 2000;

  private TemplateCheck() {}

  /**
   * Warns about a template that fails. Its model is served, because completions work, and the
   * template may work for other conversations.
   */
  static void warn(String model, ChatTemplate template) {
    try {
      problem(template).ifPresent(problem -> logger.warn("{}: {}", model, problem));
    } catch (RuntimeException e) { // a defect of the engine must not fail the load
      logger.warn("{}: the chat template cannot be tried", model, e);
    }
  }

  /** Returns a description of a failure; empty if the template can be used. */
  static Optional<String> problem(ChatTemplate template) {
    return template
        .failure()
        .map(
            failure ->
                "%s; it fails for plain conversations, and such chats get 400: repair the template"
                    .formatted(Printable.of(failure, MAX_FAILURE)));
  }
}
